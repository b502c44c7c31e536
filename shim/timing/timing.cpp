// See timing.h.
#include "shim/timing/timing.h"

#include <algorithm>
#include <initializer_list>

#include "shim/base/clock.h"
#include "shim/base/clock_line.h"

namespace holdwatch {

void stop_tick() {
  g_clock_line.tick_ns.store(kNoWatch, std::memory_order_relaxed);
  g_clock_line.settled_ns.store(kNoWatch, std::memory_order_relaxed);
  g_clock_line.old_before_ns.store(0, std::memory_order_relaxed);
}

void Timing::start(const Settings& settings) {
  set_limits({settings.limit_ns, settings.read_limit_ns, settings.wait_limit_ns});
  reads_tsc_ = settings.clock == ClockSource::tsc;
}

void Timing::set_limits(const Limits& limits) {
  limits_.set(limits);
  // A release passes a hold on early: its exact end, noted then, decides. The tick that the release finds may be as old as
  // the watcher's longest sleep.
  for (const Access access : {Access::exclusive, Access::shared}) {
    const uint64_t limit_ns = limits_.smallest_of_holds_ns(access);
    const uint64_t early_ns = limit_ns - std::min(limit_ns / 4 * 3, idle_period_ns());
    const auto at = static_cast<size_t>(access);
    g_clock_line.limit_ns[at].store(limit_ns, std::memory_order_relaxed);
    g_clock_line.hand_over_ns[at].store(limit_ns == UINT64_MAX ? kNoHandOver : early_ns, std::memory_order_relaxed);
  }
}

void Timing::advance(bool calls_are_few) {
  publish_tick(calls_are_few);
  if (reads_tsc_) {
    const uint64_t tsc = read_tsc();  // first: any delay in between makes holds look younger
    scale_.add(tsc, monotonic_ns());
  }
  history_.add(now_ns_);
  uint64_t old_before_ns = 0;
  for (const auto& hand_over_ns : g_clock_line.hand_over_ns)
    old_before_ns = std::max(old_before_ns, age_ns(hand_over_ns.load(std::memory_order_relaxed), now_ns_) + 1);
  g_clock_line.old_before_ns.store(old_before_ns, std::memory_order_relaxed);
}

// A lock call finds the old tick until the new one is stored; from the new one's time on it would be dated too early. So that
// time must be no older than kPublishedWithinNs by then: if we were kept from running in between, a newer one is stored.
void Timing::publish_tick(bool calls_are_few) {
  constexpr int kAttempts = 16;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    now_ns_ = monotonic_ns() & ~uint64_t{kStampBits};
    g_clock_line.settled_ns.store(calls_are_few ? 0 : now_ns_, std::memory_order_release);
    g_clock_line.tick_ns.store(calls_are_few ? now_ns_ | kCallsAreFew : now_ns_, std::memory_order_release);
    if (monotonic_ns() - now_ns_ <= kPublishedWithinNs) return;
  }
}

void Timing::reset() {
  history_.clear();
  scale_ = TscScale{};
}

}  // namespace holdwatch
