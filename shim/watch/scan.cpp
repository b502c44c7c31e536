// See scan.h.
#include "shim/watch/scan.h"

#include <algorithm>

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/lock_state.h"
#include "shim/inspection/long_waits.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/pollers.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"
#include "shim/watch/wait_limits.h"

namespace holdwatch {
namespace {

constexpr uint64_t kNever = UINT64_MAX;
// What holders wait for is looked at once a hold has lasted for this part of the smallest limit: of so many in a walk.
constexpr uint64_t kPartOfLimit = 4;
constexpr size_t kMaxWaitsLookedAt = 16;

// When something that began at tick `tick_ns` certainly exceeds its limit.
uint64_t over_ns(uint64_t tick_ns, uint64_t limit_ns, const Timing& timing) {
  return tick_ns == kNever ? kNever : timing.latest_ns(tick_ns) + limit_ns;
}

}  // namespace

void Scan::look_for_holds(const Timing& timing, Episodes& episodes, BehindHolds& behind, Candidates& candidates,
                          uint64_t until_next_ns) {
  const uint64_t now_ns = timing.now_ns();
  const uint64_t smallest_ns = timing.limits().smallest_of_holds_ns();
  if (smallest_ns == kNever) {
    holds_due_ns_ = kNever;
    return;
  }
  if (now_ns + until_next_ns < holds_due_ns_ || episodes.full()) return;
  uint64_t due_ns = now_ns + smallest_ns;
  // Those that can exceed it before the next tick are examined too, to know when that will be.
  const uint64_t ahead_ns = timing.wake_period_ns();
  size_t waits_looked_at = 0;
  const uint64_t newest_ns = age_ns(smallest_ns / kPartOfLimit, now_ns + ahead_ns);
  const uint64_t oldest_ns = for_each_hold(newest_ns, [&](const HoldView& hold) {
    const uint64_t hold_age_ns = timing.age_of(hold);
    if (hold_age_ns >= smallest_ns / kPartOfLimit && waits_looked_at++ < kMaxWaitsLookedAt) learn_ends_for(hold);
    const uint64_t limit_ns = timing.limits().of(hold.word);
    if (limit_ns == kNoLimit) return;
    if (!is_over(hold_age_ns, limit_ns)) {
      due_ns = std::min(due_ns, now_ns + limit_ns - hold_age_ns);
      return;
    }
    const uintptr_t lock = hold.word.address();
    if (episodes.find_hold(lock) != nullptr || episodes.find_cycle_of_hold(lock, hold.tid) != nullptr) return;
    if (episodes.is_told_with_waits(hold.word, hold.identity)) return;
    const BehindHold* const explained = behind.find(hold.identity);
    if (explained != nullptr && explained->is_explained(limit_ns)) {
      due_ns = std::min(due_ns, now_ns + std::max(timing.wake_period_ns(), explained->explained_for_ns(limit_ns)));
      return;
    }
    HolderState holder;
    if (!candidates.full() && describe_holder(hold, &holder)) return candidates.add(hold.word);
    // A hold that another thread has ended must not become a candidate: it would become one again at every scan.
    if (candidates.full())
      due_ns = 0;
    else
      drop_left_over(hold.identity.record, hold.identity.slot, hold.identity.number);
  });
  holds_due_ns_ = oldest_ns == kNever ? due_ns : std::min(due_ns, oldest_ns + smallest_ns - ahead_ns);
}

// A wait for a lock that has an episode is examined again when the episode has ended.
void Scan::look_for_waits(const Timing& timing, Episodes& episodes, Candidates& candidates) {
  const uint64_t now_ns = timing.now_ns();
  const uint64_t smallest_ns = smallest_limit_of_waits_ns(timing);
  if (smallest_ns == kNoLimit) {
    waits_due_ns_ = kNever;
    return;
  }
  if (now_ns < waits_due_ns_ || episodes.full()) return;
  uint64_t due_ns = now_ns + smallest_ns;
  const auto examine = [&](const WaitView& wait) {
    if (wait.word.condition() || (is_inside_stdio(wait) && !is_left_by_exited(wait.word))) return;
    const uint64_t limit_ns = limit_of_wait_ns(wait, timing);
    if (!timing.is_over_limit(wait, limit_ns)) {
      due_ns = std::min(due_ns, timing.started_ns(wait) + limit_ns);
    } else if (!episodes.has_episode(wait.word.address())) {
      if (candidates.full()) due_ns = 0;
      candidates.add(wait.word);
    }
  };
  const uint64_t oldest_ns = for_each_wait(age_ns(smallest_ns, now_ns), examine);
  for_each_poller(examine);
  waits_due_ns_ = std::min(due_ns, over_ns(oldest_ns, smallest_ns, timing));
}

}  // namespace holdwatch
