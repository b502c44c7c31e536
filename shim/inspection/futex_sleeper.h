// Whether a thread of ours is stuck behind a lock: it is in the same futex call whenever one looks.
// Any thread of the program that waits for one of ours. Reads a file of /proc for each look.
#pragma once

#include "shim/inspection/task_files.h"

namespace holdwatch {

class FutexSleeper {
 public:
  // Whether the thread sleeps in the futex call that it slept in at the last look. False for thread 0, and if it cannot be
  // looked at.
  bool is_stuck(int tid);

 private:
  SyscallFile before_{};
};

}  // namespace holdwatch
