// The time at one scan, and how old a hold or wait certainly is by then.
// Cold context (watcher). advance() reads the clocks and publishes the tick; the rest is pure.
#pragma once

#include <cstdint>

#include "shim/common/contract/settings.h"
#include "shim/timing/lock_limits.h"
#include "shim/timing/overdue.h"

namespace holdwatch {

// Watching has stopped: lock calls find no tick.
void stop_tick();

class Timing {
 public:
  void start(const Settings& settings);
  // Holds that began before are measured by the new limits too.
  void set_limits(const Limits& limits);
  // A scan begins: reads the time, which lock calls find from now on. Where they are few, they read the clock instead.
  void advance(bool calls_are_few = false);
  void reset();

  uint64_t now_ns() const { return now_ns_; }
  // How long the watcher may sleep at most: see overdue.h.
  uint64_t busy_period_ns() const { return holdwatch::busy_period_ns(limits_.smallest_ns()); }
  uint64_t wake_period_ns() const { return holdwatch::wake_period_ns(limits_.smallest_ns()); }
  uint64_t scan_period_ns() const { return holdwatch::scan_period_ns(limits_.smallest_ns()); }
  uint64_t idle_period_ns() const { return holdwatch::idle_period_ns(limits_.smallest_ns()); }

  const LockLimits& limits() const { return limits_; }

  // The latest moments at which they can have begun.
  uint64_t started_ns(const HoldView& hold) const { return latest_start_ns(hold, history_, scale_); }
  uint64_t started_ns(const WaitView& wait) const { return latest_ns(wait.since_ns); }
  uint64_t latest_ns(uint64_t stamp) const { return history_.latest_ns(stamp) + kPublishedWithinNs; }

  uint64_t age_of(const HoldView& hold) const { return age_ns(started_ns(hold), now_ns_); }
  uint64_t age_of(const WaitView& wait) const { return age_ns(started_ns(wait), now_ns_); }
  // A thread in a condition wait waits for the condition, not for the lock.
  bool is_over_limit(const WaitView& wait, uint64_t limit_ns) const {
    return !wait.word.condition() && is_over(age_of(wait), limit_ns);
  }

  const TickHistory& history() const { return history_; }

 private:
  void publish_tick(bool calls_are_few);

  LockLimits limits_;
  bool reads_tsc_ = false;
  uint64_t now_ns_ = 0;
  TickHistory history_;
  TscScale scale_;
};

}  // namespace holdwatch
