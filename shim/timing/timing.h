// The time at one scan, and what follows for the records: how old a hold or wait certainly is, and which limit it has.
// Cold context (watcher). advance() reads the clocks and publishes the tick; the rest is pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "shim/common/contract/settings.h"
#include "shim/record/lock_registry.h"
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
  uint64_t busy_period_ns() const { return holdwatch::busy_period_ns(smallest_limit_ns()); }
  uint64_t wake_period_ns() const { return holdwatch::wake_period_ns(smallest_limit_ns()); }
  uint64_t idle_period_ns() const { return holdwatch::idle_period_ns(smallest_limit_ns()); }

  uint64_t limit_of(LockWord lock) const { return lock_limit_ns(lock.address(), limits_.of(lock.access())); }
  uint64_t smallest_limit_ns() const {
    return std::min(limits_.smallest_ns(), std::max(smallest_lock_limit_ns(), kSmallestLockLimitNs));
  }
  uint64_t wait_limit_ns() const { return limits_.wait_ns; }
  // After which a lock that no thread can ever release is reported, once a thread waits for it.
  uint64_t stuck_limit_ns(LockWord lock) const { return limit_of(lock) != kNoLimit ? limit_of(lock) : wait_limit_ns(); }
  // The smallest limit that any hold can have, UINT64_MAX if none has one.
  uint64_t smallest_hold_limit_ns() const;

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
  // The same of holds whose usual limit is `usual_ns`.
  static uint64_t smallest_hold_limit_ns(uint64_t usual_ns);

  // A lock's own limit of a millisecond must not wake the process a thousand times a second.
  static constexpr uint64_t kSmallestLockLimitNs = 100'000'000;

  Limits limits_{};
  bool reads_tsc_ = false;
  uint64_t now_ns_ = 0;
  TickHistory history_;
  TscScale scale_;
};

}  // namespace holdwatch
