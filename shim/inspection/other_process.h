// The thread of another process that holds a shared lock, found by its id in the lock.
// Cold context. Reads /proc of that process, as far as the kernel allows it (ptrace(2): PTRACE_MODE_READ); disturbs nothing.
#pragma once

#include <cstdint>

#include "shim/common/contract/finding.h"

namespace holdwatch {

// The process of thread `tid`, if it is certainly the one that the lock means: the process maps the page that contains the
// lock at `address`, and existed before `since_ns` (CLOCK_MONOTONIC), when the wait began; ids are reused. 0 if there is
// none, or it is not certain: it may have exited, or be in another container.
int process_sharing(int tid, uintptr_t address, uint64_t since_ns);

struct ThreadElsewhere {
  char thread[kThreadNameSize];
  char process[kThreadNameSize];  // its main thread's name, which is usually the program's
  ThreadState state;              // gone: it has exited since
};
ThreadElsewhere look_at_thread(int pid, int tid);

}  // namespace holdwatch
