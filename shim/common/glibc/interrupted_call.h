// Whether a signal has just interrupted a system call, and which one: what the sampling handler needs to restart it as
// if nothing had happened.
// Signal context; pure except for reading the code bytes before `ip`; never allocates, calls no other code.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/glibc/noted_call.h"
#include "shim/common/proc/memory_range.h"

namespace holdwatch {

// The interrupted thread's registers from which this is determined.
struct CallRegisters {
  uintptr_t ip;
  int64_t ax;
  uint64_t cx;
  uintptr_t sp;
  uintptr_t bp;
  uint64_t di = 0;
  uint64_t si = 0;
  NotedCall noted{};
};

// The number of the system call whose `syscall` instruction ends at code[length], read from the instruction that loaded
// the number; -1 if the code has none of the known forms.
long system_call_before(const unsigned char* code, size_t length);

// The number of the call to restart (with ip moved back over the instruction), or -1 if no call was interrupted or it
// must not be restarted. Reads only code inside `libc_code`, and the thread's own stack.
long call_cut_short(const CallRegisters& registers, MemoryRange libc_code);

// Whether system calls of different cancellation points can be distinguished if libc makes them all in one place (glibc
// 2.41). If not, no thread may be sent a signal. Reads all of the code: takes some tenths of a millisecond.
bool can_distinguish_calls(MemoryRange libc_code);

}  // namespace holdwatch
