// See search.h.
#include "shim/watch/search.h"

#include <algorithm>

#include "shim/record/thread_table.h"
#include "shim/watch/ownership.h"

namespace holdwatch {

void Suspects::add(LockWord lock) {
  for (size_t i = 0; i < count; ++i)
    if (locks[i].is_lock_at(lock.address())) return;
  if (count < kMax) locks[count++] = lock;
}

void Search::look_for_holds(const Timing& timing, Episodes& episodes, Suspects& suspects) {
  const uint64_t now_ns = timing.now_ns();
  const uint64_t smallest_ns = timing.smallest_hold_limit_ns();
  next_look_ns_ = UINT64_MAX;
  if (smallest_ns == UINT64_MAX) return;
  const uint64_t oldest_ns = for_each_hold(age_ns(smallest_ns, now_ns), [&](const HoldView& hold) {
    const uint64_t hold_age_ns = timing.age_of(hold);
    const uint64_t limit_ns = timing.limit_of(hold.word);
    if (is_over(hold_age_ns, limit_ns)) {
      if (episodes.find(Event::hold, hold.word.address()) != nullptr) return;
      // What another thread has ended must not take a place among the suspects: it would come back at every look.
      if (confirm_ownership(hold.word, hold.tid) != Ownership::refuted) return suspects.add(hold.word);
      drop_left_over(hold.identity.record, hold.identity.slot);
    } else if (limit_ns != kNoLimit) {
      next_look_ns_ = std::min(next_look_ns_, now_ns + limit_ns - hold_age_ns);
    }
  });
  if (oldest_ns != UINT64_MAX) next_look_ns_ = std::min(next_look_ns_, timing.latest_ns(oldest_ns) + smallest_ns);
}

void Search::look_for_waits(const Timing& timing, Suspects& suspects) {
  const uint64_t limit_ns = timing.wait_limit_ns();
  if (limit_ns == kNoLimit) return;
  for_each_wait(age_ns(limit_ns, timing.now_ns()), [&](const WaitView& wait) {
    if (timing.is_over_limit(wait, limit_ns)) suspects.add(wait.word);
  });
}

}  // namespace holdwatch
