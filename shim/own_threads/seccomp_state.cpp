// See seccomp_state.h. Either the working thread sees the filter, or the installing thread sees the work: each writes
// first and then reads, in one total order.
#include "shim/own_threads/seccomp_state.h"

#include "shim/base/clock.h"
#include "shim/base/os.h"

namespace holdwatch {

HOLDWATCH_TLS int t_thread_filters = 0;
HOLDWATCH_TLS bool t_is_own_thread = false;
std::atomic<int> SystemCallScope::count_{0};

namespace {

void count_filter(FilterScope scope, int change) {
  if (scope == FilterScope::calling_thread) {
    t_thread_filters += change;
    return;
  }
  g_seccomp_state.on_program.fetch_add(change, std::memory_order_seq_cst);
  g_seccomp_state.on_ours.fetch_add(change, std::memory_order_seq_cst);
}

}  // namespace

void expect_filter(FilterScope scope, bool (*is_idle)()) {
  constexpr uint64_t kLongestNs = 8 * kNanosecondsPerSecond;
  constexpr uint64_t kPollIntervalNs = 1'000'000;
  g_seccomp_state.any.store(true, std::memory_order_relaxed);
  count_filter(scope, 1);
  if (scope == FilterScope::calling_thread) return;
  std::atomic<uint32_t> never{0};
  const uint64_t until_ns = monotonic_ns() + kLongestNs;
  while ((SystemCallScope::anybody() || !is_idle()) && monotonic_ns() < until_ns) sleep_on(never, 0, kPollIntervalNs);
}

void expect_no_filter(FilterScope scope) {
  count_filter(scope, -1);
}

void note_filter_of_program() {
  g_seccomp_state.any.store(true, std::memory_order_relaxed);
  if (g_seccomp_state.on_program.load(std::memory_order_relaxed) == 0)
    g_seccomp_state.on_program.fetch_add(1, std::memory_order_seq_cst);
}

void pass_filters_on() {
  if (t_thread_filters != 0) note_filter_of_program();
}

void take_filters_over() {
  if (calls_filtered()) g_seccomp_state.on_ours.fetch_add(1, std::memory_order_seq_cst);
}

void seccomp_after_fork() {
  g_seccomp_state.on_ours.store(0, std::memory_order_relaxed);
  g_seccomp_state.any.store(calls_filtered(), std::memory_order_relaxed);
}

}  // namespace holdwatch
