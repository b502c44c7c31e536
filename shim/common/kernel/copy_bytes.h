// Copies of a thread's stack.
// Hot and signal context: no call, no allocation, no lock.
#pragma once

#include <cstddef>
#include <cstdint>
#ifdef __SANITIZE_THREAD__
#include <cstring>
#endif

namespace holdwatch {

// Not memcpy: a program may replace that function, and sanitizers have one that checks what it reads, including the
// gaps that they leave between the variables of a frame. Our own tests under ThreadSanitizer use memcpy, so that it
// sees the accesses.
inline void copy_bytes(void* to, uintptr_t from, size_t size) {
#ifdef __SANITIZE_THREAD__
  std::memcpy(to, reinterpret_cast<const void*>(from), size);
#else
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
#endif
}

}  // namespace holdwatch
