// See safe_point.h. Either the worker sees the flag, or the filter's thread sees the worker: both write first and then
// look, in one total order.
#include "shim/watch/safe_point.h"

#include "shim/base/call_filter.h"
#include "shim/base/clock.h"
#include "shim/base/os.h"
#include "shim/base/thread_mode.h"

namespace holdwatch {

std::atomic<int> Working::count_{0};

void forbid_calls() {
  const Inside inside;
  constexpr uint64_t kLongestNs = 3 * kNanosecondsPerSecond;
  constexpr uint64_t kLookAgainNs = 1'000'000;
  g_calls_filtered.store(true, std::memory_order_seq_cst);
  std::atomic<uint32_t> never{0};
  const uint64_t until_ns = monotonic_ns() + kLongestNs;
  while (Working::anybody() && monotonic_ns() < until_ns) sleep_on(never, 0, kLookAgainNs);
}

void allow_calls() {
  g_calls_filtered.store(false, std::memory_order_seq_cst);
}

}  // namespace holdwatch
