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

// Waits in slices of 10 ms until `wait_ended(slice_ns)` is true, but only while the thread of ours for which the caller waits, whose
// id `thread` gives, is not stuck behind a lock that the caller's thread may hold; and `timeout_ns` at most, rounded up.
template <typename Thread, typename WaitEnded>
void wait_unless_stuck(uint64_t timeout_ns, Thread thread, WaitEnded wait_ended) {
  constexpr uint64_t kSliceNs = 10'000'000;
  FutexSleeper sleeper;
  for (uint64_t waited_ns = 0; waited_ns < timeout_ns && !wait_ended(kSliceNs); waited_ns += kSliceNs) {
    if (sleeper.is_stuck(thread())) return;
  }
}

}  // namespace holdwatch
