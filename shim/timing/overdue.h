// Which holds and waits are over their limits: values in, values out.
// Cold context; pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/record/view.h"
#include "shim/timing/tick_history.h"

namespace holdwatch {

inline constexpr uint64_t kNoLimit = 0;  // as a limit: it is never exceeded

struct Limits {
  uint64_t exclusive_ns;
  uint64_t shared_ns;
  uint64_t wait_ns;

  uint64_t of(Access access) const { return access == Access::shared ? shared_ns : exclusive_ns; }
  // The smallest limit that is not off, UINT64_MAX if all are off.
  uint64_t smallest_ns() const;
};

// Time stamp counter to CLOCK_MONOTONIC: two readings of both, far apart.
struct TscScale {
  uint64_t first_tsc = 0, first_ns = 0, last_tsc = 0, last_ns = 0;
  void add(uint64_t tsc, uint64_t ns);
  // 0 if it is not known yet.
  uint64_t to_ns(uint64_t tsc) const;
};

// The latest moment at which the hold can have begun.
uint64_t latest_start_ns(const HoldView& hold, const TickHistory& history, const TscScale& scale);

// How long it has certainly lasted, 0 if it began after `now_ns`.
inline uint64_t age_ns(uint64_t started_ns, uint64_t now_ns) {
  return now_ns > started_ns ? now_ns - started_ns : 0;
}

inline bool is_over(uint64_t age_ns, uint64_t limit_ns) {
  return limit_ns != kNoLimit && age_ns >= limit_ns;
}

// How long the watcher may sleep at most between two wake-ups, for the smallest of all limits, UINT64_MAX if there is none. All
// are at least 1 ms.
// Where lock calls are many and dated by the tick: 10 ms, since a report may come as late; an eighth of a limit that is shorter
// than eight times that, a 128th of a limit of more than 1.28 s.
uint64_t busy_period_ns(uint64_t smallest_limit_ns);
// Where they are dated by the tick, and their rate is not known: an eighth of the limit, at most 1 s.
uint64_t wake_period_ns(uint64_t smallest_limit_ns);
// How long the last look at all records must be ago before a wake-up makes the next one: as long as that, but at most 150 ms, so
// that a deadlock is found within half a second whatever the limit is, in a process that wakes us as often.
uint64_t scan_period_ns(uint64_t smallest_limit_ns);
// Where they are few, and dated exactly: three quarters of the limit, at most 1 s: each hold is still seen before it exceeds its limit.
uint64_t idle_period_ns(uint64_t smallest_limit_ns);

// How long a search for deadlocks must be ago before the next one, with so many records to read: as long as it takes 1/800 of the
// time. Where that would be more than 300 ms, with which and two wake-ups a deadlock is found within half a second, 1/500 is
// allowed: that is enough for 6,000 records.
uint64_t search_period_ns(uint64_t records);

// The multiple of the limit at which a hold that is `age_ns` old is to be reported next: 2x, 4x, 8x ... Never without a
// limit.
uint64_t next_report_age_ns(uint64_t age_ns, uint64_t limit_ns);

}  // namespace holdwatch
