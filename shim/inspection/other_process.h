// The thread of another process that holds a shared lock, found by its id in the lock, and what that thread waits for itself.
// Cold context. Reads /proc of that process, as far as the kernel allows it (ptrace(2): PTRACE_MODE_READ); disturbs nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/common/proc/thread_files.h"
#include "shim/record/lock_word.h"

namespace holdwatch {

// The process of thread `tid`, if it is certainly the one that the lock means: the process maps the page that contains the
// lock at `address`, and existed before `since_ns` (CLOCK_MONOTONIC), when the wait began; ids are reused. 0 if there is
// none, or it is not certain: it may have exited, or be in another container.
int process_sharing(int tid, uintptr_t address, uint64_t since_ns);

// Whether no thread can have that id that shares the lock at `address`: the id is not in use, we see all processes, and none
// that has ids of its own (a container) maps the page. False if that is not certain.
bool has_exited_elsewhere(int tid, uintptr_t address);

// Where, in our address space, the words are on which that thread sleeps in a futex call without a timeout: more than one if we
// map the page more than once. The call is as if it were made here.
struct SleepElsewhere {
  static constexpr size_t kMax = 4;
  SyscallFile calls[kMax];
  size_t count = 0;  // 0: it does not sleep so, on nothing that we share, or the kernel does not show it
};
SleepElsewhere sleep_of_thread(int pid, int tid);

// How that thread waits for the lock at this moment; empty if it does not, or only until a timeout.
LockWord wanted_elsewhere(int pid, int tid, LockWord lock);

struct ThreadElsewhere {
  char thread[kThreadNameSize];
  char process[kThreadNameSize];  // its main thread's name, which is usually the program's
  ThreadState state;              // gone: it has exited since
};
ThreadElsewhere look_at_thread(int pid, int tid);

}  // namespace holdwatch
