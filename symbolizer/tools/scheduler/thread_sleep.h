// How long threads of other processes have been asleep.
// Cold context. Reads files of /proc; needs CONFIG_SCHED_DEBUG.
#pragma once

#include <cstdint>

#include "symbolizer/tools/scheduler/scheduler_clocks.h"

namespace holdwatch {

class ThreadSleep {
 public:
  // A lower bound, 0 if nothing is certain. The caller makes sure that the thread is asleep before and after.
  uint64_t asleep_ns(int pid, int tid);

 private:
  SchedulerClocks clocks_;
};

}  // namespace holdwatch
