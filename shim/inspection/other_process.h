// The thread of another process that holds a lock which both share, by its id in the lock.
// Cold context. Reads /proc of that process, as far as the kernel lets us (ptrace(2): PTRACE_MODE_READ); disturbs nobody.
#pragma once

#include <cstdint>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// The process that thread `tid` is of, if it is surely the one that the lock means: the process maps the very page that the
// lock at `address` lies in, and was there before `since_ns` (CLOCK_MONOTONIC), from when on a thread has waited; ids are
// given out again. 0 if there is none, or it cannot be told: it may have exited, or be in another container.
int process_sharing(int tid, uintptr_t address, uint64_t since_ns);

struct ThreadElsewhere {
  char thread[kThreadNameSize];
  char process[kThreadNameSize];  // its main thread's name, which is the program's as a rule
  ThreadState state;              // gone: it has exited since
};
ThreadElsewhere look_at_thread(int pid, int tid);

}  // namespace holdwatch
