// The thread of another process that holds a shared lock, found by its id in the lock, and what that thread waits for itself.
// Cold context. Reads /proc of that process, as far as the kernel allows it (ptrace(2): PTRACE_MODE_READ); disturbs nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/common/proc/shared_owner.h"
#include "shim/common/proc/thread_files.h"
#include "shim/record/lock_word.h"

namespace holdwatch {

// The thread that the shared lock at `address` means by the id of its owner: one that has this id for itself, in a process that
// maps the page of the lock, and that was started before `since_ns` (CLOCK_MONOTONIC), when the wait began.
// Looks at every process of the machine.
SharedOwner find_shared_owner(int id, uintptr_t address, uint64_t since_ns);

// The process of that thread; 0 if there is none with this id in our pid namespace.
int process_of_thread(int tid);

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
