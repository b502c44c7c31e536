// glibc's thread descriptor, which a pthread_t points to (struct pthread, nptl/descr.h). Its layout is glibc's own
// business; these two fields have been where they are on x86-64 at least from 2.17 to 2.41, and whoever reads them
// checks what he finds: see is_descriptor.
// Any context; pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdwatch {

inline constexpr size_t kDescriptorSelf = 0x10;  // header.self: the descriptor's own address
inline constexpr size_t kDescriptorTid = 0x2d0;  // tid: the thread's id; 0 once it has exited

// Whether the memory at `address` can be a descriptor, from the pointer at kDescriptorSelf in it.
constexpr bool is_descriptor(uintptr_t address, uintptr_t self) {
  return address != 0 && self == address;
}

}  // namespace holdwatch
