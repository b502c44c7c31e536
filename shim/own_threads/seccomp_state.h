// Which threads are under a filter of system calls (seccomp(2)) that the program has installed and that may kill it for
// a call of ours. In such a thread we make no system call but futex, and in threads of our own a write to standard
// error.
// Any context. A filter applies to the thread that installs it and to the threads that this one creates afterwards, or,
// with SECCOMP_FILTER_FLAG_TSYNC, to all. Filters from before the program's start are not counted: they allowed the
// loader's calls, and unusual calls are checked before they are used (inspection/local_memory).
#pragma once

#include <atomic>

#include "shim/base/thread_mode.h"
#include "shim/base/upcalls.h"

namespace holdwatch {

struct SeccompState {
  std::atomic<int> on_ours{0};     // on our own threads
  std::atomic<int> on_program{0};  // on the program's threads, all of them as far as we know
  std::atomic<bool> any{false};    // some thread has ever installed one
};

// Written by the thread that installs a filter, before it does; read before each system call that may be forbidden.
[[gnu::visibility("hidden")]] inline SeccompState g_seccomp_state;
[[gnu::visibility("hidden")]] extern HOLDWATCH_TLS int t_thread_filters;  // filters on the calling thread alone
[[gnu::visibility("hidden")]] extern HOLDWATCH_TLS bool t_is_own_thread;  // one of our threads

// Whether the calling thread may be killed for a system call. Call it within a SystemCallScope, so that the result
// stays true.
inline bool calls_filtered() {
  if (t_is_own_thread) return g_seccomp_state.on_ours.load(std::memory_order_seq_cst) != 0;
  return t_thread_filters != 0 || g_seccomp_state.on_program.load(std::memory_order_seq_cst) != 0;
}

// Whether any thread of the program may be under one.
inline bool calls_ever_filtered() {
  return g_seccomp_state.any.load(std::memory_order_relaxed);
}

// While an object exists, its thread may be inside a system call that a filter would forbid.
class SystemCallScope {
 public:
  SystemCallScope() { begin(); }
  ~SystemCallScope() { end(); }
  SystemCallScope(const SystemCallScope&) = delete;
  SystemCallScope& operator=(const SystemCallScope&) = delete;

  // For work that ends in a different thread than it began in.
  static void begin() { count_.fetch_add(1, std::memory_order_seq_cst); }
  static void end() { count_.fetch_sub(1, std::memory_order_seq_cst); }
  static bool anybody() { return count_.load(std::memory_order_seq_cst) != 0; }

 private:
  [[gnu::visibility("hidden")]] static std::atomic<int> count_;
};

// The calling thread is about to install a filter: from now on no work begins that the filter might forbid. Waits for
// work in progress to end, and for `is_idle` to return true: no other work of ours, such as a sample, is going on.
// Waits up to eight seconds, because a report may take as long; work that is stuck, perhaps behind a lock that the
// caller holds, must not stop the program.
void expect_filter(FilterScope scope, bool (*is_idle)());
// The filter was not installed after all.
void expect_no_filter(FilterScope scope);

// The calling thread is about to create a thread of the program, which inherits its filters.
void pass_filters_on();

// A thread of the program is under a filter whose installation was not seen.
void note_filter_of_program();

// The calling thread is about to create our threads, which inherit its filters.
void take_filters_over();

// In the child of fork: it has the calling thread's filters, and no thread of ours.
void seccomp_after_fork();

}  // namespace holdwatch
