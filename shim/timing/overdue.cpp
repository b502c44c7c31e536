// See overdue.h.
#include "shim/timing/overdue.h"

#include <algorithm>
#include <initializer_list>

namespace holdwatch {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;

}  // namespace

uint64_t Limits::smallest_ns() const {
  uint64_t smallest = UINT64_MAX;
  for (const uint64_t limit : {exclusive_ns, shared_ns, wait_ns})
    if (limit != kNoLimit) smallest = std::min(smallest, limit);
  return smallest;
}

void TscScale::add(uint64_t tsc, uint64_t ns) {
  if (first_tsc == 0) {
    first_tsc = tsc;
    first_ns = ns;
  }
  last_tsc = tsc;
  last_ns = ns;
}

uint64_t TscScale::to_ns(uint64_t tsc) const {
  // The two readings at each end are not taken at one instant; over 100 ms that error is below a millionth.
  if (last_ns - first_ns < 100 * kMillisecond || tsc > last_tsc) return 0;
  const double ns_per_count = static_cast<double>(last_ns - first_ns) / static_cast<double>(last_tsc - first_tsc);
  return last_ns - static_cast<uint64_t>(static_cast<double>(last_tsc - tsc) * ns_per_count);
}

uint64_t latest_start_ns(const HoldView& hold, const TickHistory& history, const TscScale& scale) {
  const uint64_t by_tick_ns = history.latest_ns(hold.since_ns) + kPublishedWithinNs;
  const uint64_t exact_ns = hold.tsc == 0 ? 0 : scale.to_ns(hold.tsc);
  return exact_ns == 0 ? by_tick_ns : std::min(exact_ns, by_tick_ns);
}

uint64_t busy_period_ns(uint64_t smallest_limit_ns) {
  return std::min(wake_period_ns(smallest_limit_ns), std::max(10 * kMillisecond, smallest_limit_ns / 128));
}

uint64_t wake_period_ns(uint64_t smallest_limit_ns) {
  return std::clamp(smallest_limit_ns / 8, kMillisecond, 1000 * kMillisecond);
}

uint64_t scan_period_ns(uint64_t smallest_limit_ns) {
  return std::min(wake_period_ns(smallest_limit_ns), 150 * kMillisecond);
}

uint64_t idle_period_ns(uint64_t smallest_limit_ns) {
  return std::clamp(smallest_limit_ns / 4 * 3, kMillisecond, 1000 * kMillisecond);
}

uint64_t search_period_ns(uint64_t records) {
  constexpr uint64_t kPerRecordNs = 100;
  const uint64_t search_ns = kPerRecordNs * records;
  return std::min(800 * search_ns, std::max(300 * kMillisecond, 500 * search_ns));
}

uint64_t next_report_age_ns(uint64_t age_ns, uint64_t limit_ns) {
  if (limit_ns == kNoLimit) return UINT64_MAX;
  uint64_t next_ns = limit_ns;
  while (next_ns <= age_ns && next_ns < UINT64_MAX / 2) next_ns *= 2;
  return next_ns;
}

}  // namespace holdwatch
