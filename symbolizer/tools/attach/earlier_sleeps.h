// How long the threads of a process had been asleep before they were attached to: how long what is stuck has been so.
// Only other processes can see that. The process itself sees by the context switches whether a thread still sleeps.
// A thread that the command uses goes to sleep again in the same call: its use is left out of account.
#pragma once

#include <cstdint>
#include <vector>

#include "shim/common/contract/control_block.h"
#include "symbolizer/tools/scheduler/thread_sleep.h"

namespace holdwatch::attach {

class EarlierSleeps {
 public:
  // Looks at all threads, before any of them is touched.
  explicit EarlierSleeps(int pid);

  // The thread has been stopped, and is about to be used.
  void begin_use(int tid);
  // The use is over, and nothing remains but to let the thread continue.
  void end_use(int tid);

  // Of those that have slept ever since, how long each has by now.
  std::vector<EarlierSleep> still_asleep();

 private:
  struct Sleeper {
    int tid;
    int innermost_tid;
    uint64_t since_ns;            // CLOCK_MONOTONIC
    uint64_t voluntary_switches;  // while it slept
  };

  Sleeper* find(int tid);
  void await_used();

  int pid_;
  int used_ = 0;
  ThreadSleep sleep_;
  std::vector<Sleeper> sleepers_;
};

}  // namespace holdwatch::attach
