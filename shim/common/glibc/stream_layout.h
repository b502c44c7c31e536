// The lock of a stream, and where it is in the stream: _IO_lock_t (sysdeps/nptl/stdio-lock.h) and struct _IO_FILE
// (libio/bits/types/struct_FILE.h), unchanged on x86-64 from glibc 2.17 to 2.42.
// Any context; pure. The caller ensures that the lock, or a copy of it, may be read.
#pragma once

#include <bits/types/FILE.h>

#include <cstddef>
#include <cstdint>

namespace holdwatch {

// What flockfile takes, and stdio's functions while they are inside. The owner is a thread's descriptor, which is what its
// pthread_t points to; 0 while the lock is free.
struct StreamLock {
  uint32_t word;
  int32_t count;
  uintptr_t owner;
};
static_assert(offsetof(StreamLock, word) == 0, "is_lock_in_use reads the first word of every lock");

inline constexpr uint32_t kStreamContended = 2;  // the word of one that is waited for (nptl/lowlevellock.h)

// In the flags of every stream (libio/libio.h).
inline constexpr uint32_t kStreamMagic = 0xfbad0000;
inline constexpr uint32_t kStreamMagicMask = 0xffff0000;

// Commit c51c483d2b, "libio: Improve performance of IO locks", in 2.37: the first acquisition has not been counted since.
inline constexpr unsigned kFirstWithUncountedLevel = 37;
constexpr uint32_t uncounted_levels(unsigned glibc_minor) {
  return glibc_minor >= kFirstWithUncountedLevel ? 1 : 0;
}

// How often its owner has it. `uncounted` is what uncounted_levels says for this glibc.
constexpr uint32_t stream_levels(const StreamLock& lock, uint32_t uncounted) {
  return static_cast<uint32_t>(lock.count) + uncounted;
}

// The calling thread, as locks of streams name it.
inline uintptr_t own_descriptor() {
  uintptr_t self = 0;
  asm("mov %%fs:0x10, %0" : "=r"(self));  // tcbhead_t.self (sysdeps/x86_64/nptl/tls.h)
  return self;
}

// Offsets in a stream: its flags come first. <stdio.h>, where the shim could see them, is not for the shim.
inline constexpr size_t kStreamDescriptor = 0x70;  // _fileno
inline constexpr size_t kStreamLock = 0x88;        // _lock, a pointer

inline const void* lock_of(const FILE* stream) {
  return *reinterpret_cast<const void* const*>(reinterpret_cast<const char*>(stream) + kStreamLock);
}

}  // namespace holdwatch
