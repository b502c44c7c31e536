// See timing.h.
#include "shim/watch/timing.h"

#include <algorithm>

#include "shim/base/clock.h"
#include "shim/base/pulse.h"

namespace holdwatch {

void stop_tick() {
  g_pulse.tick_ns.store(0, std::memory_order_relaxed);
  g_pulse.old_before_ns.store(0, std::memory_order_relaxed);
}

void Timing::start(const Settings& settings) {
  set_limits({settings.limit_ns, settings.read_limit_ns, settings.wait_limit_ns});
  reads_tsc_ = settings.clock == ClockSource::tsc;
}

void Timing::set_limits(const Limits& limits) {
  limits_ = limits;
  // A hold is handed over a little early: its exact end, taken then, decides. See wake_period_ns: the tick
  // that its release finds may be that old.
  for (const Access access : {Access::exclusive, Access::shared}) {
    const uint64_t limit_ns = std::min(limits_.of(access) - 1, smallest_lock_limit_ns() - 1) + 1;
    g_pulse.hand_over_ns[static_cast<size_t>(access)].store(
        limit_ns == kNoLimit ? UINT64_MAX : limit_ns - std::min(limit_ns / 2, 2 * idle_period_ns()),
        std::memory_order_relaxed);
  }
}

void Timing::advance() {
  now_ns_ = monotonic_ns();
  if (reads_tsc_) scale_.add(read_tsc(), now_ns_);
  history_.add(now_ns_);
  uint64_t old_before_ns = 0;
  for (const auto& hand_over_ns : g_pulse.hand_over_ns)
    old_before_ns = std::max(old_before_ns, age_ns(hand_over_ns.load(std::memory_order_relaxed), now_ns_) + 1);
  g_pulse.old_before_ns.store(old_before_ns, std::memory_order_relaxed);
  g_pulse.tick_ns.store(now_ns_, std::memory_order_release);
}

void Timing::reset() {
  history_.clear();
  scale_ = TscScale{};
}

uint64_t Timing::smallest_hold_limit_ns() const {
  uint64_t smallest_ns = smallest_lock_limit_ns();
  for (const uint64_t limit_ns : {limits_.exclusive_ns, limits_.shared_ns})
    if (limit_ns != kNoLimit) smallest_ns = std::min(smallest_ns, limit_ns);
  return smallest_ns;
}

}  // namespace holdwatch
