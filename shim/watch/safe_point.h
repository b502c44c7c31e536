// Keeps our threads' work apart from the moment when the program forbids system calls (base/call_filter.h).
// Working: cold context, watcher and reporter. The rest: cold, in the thread of the program that installs the filter.
#pragma once

#include <atomic>

namespace holdwatch {

// While one is alive, its thread may be inside a system call that a filter would not let through.
class Working {
 public:
  Working() { count_.fetch_add(1, std::memory_order_seq_cst); }
  ~Working() { count_.fetch_sub(1, std::memory_order_seq_cst); }
  Working(const Working&) = delete;
  Working& operator=(const Working&) = delete;

  static bool anybody() { return count_.load(std::memory_order_seq_cst) != 0; }

 private:
  static std::atomic<int> count_;
};

// From now on no work makes such calls. Waits for the work under way, up to three seconds: work that is stuck, perhaps
// behind a lock that the caller holds, must not stop the program.
void forbid_calls();
void allow_calls();

}  // namespace holdwatch
