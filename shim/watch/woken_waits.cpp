// See woken_waits.h.
#include "shim/watch/woken_waits.h"

#include <algorithm>

#include "shim/base/clock_line.h"
#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/ownership.h"

namespace holdwatch {

void WokenWaits::count(LockState& state, uint64_t now_ns) {
  WaitView* const end = state.waiters + state.waiter_count;
  const auto is_condition_wait = [](const WaitView& wait) { return wait.word.condition(); };
  WaitView* wait = std::find_if(state.waiters, end, is_condition_wait);
  if (wait == end || !is_contended(state.lock)) return;
  for (size_t looks = 0; looks < kMaxLooks && wait != end; ++looks) {
    if (has_been_woken(wait->tid, wait->word)) {
      wait->word = wait->word.taking_back();
      wait->since_ns = seen_since_ns(*wait, now_ns);
      ++state.waiting;
    }
    wait = std::find_if(wait + 1, end, is_condition_wait);
  }
}

// As a lock call just before this scan would have noted it, so that the next scan does not take the wait for a later one.
uint64_t WokenWaits::seen_since_ns(const WaitView& wait, uint64_t now_ns) {
  const Seen* const known =
      std::find_if(std::begin(seen_), std::end(seen_), [&](const Seen& one) { return one.wait == wait.identity; });
  if (known != std::end(seen_)) return known->since_ns;
  const uint64_t since_ns = (now_ns - kStampBits - 1) & ~uint64_t{kStampBits};
  seen_[next_++ % kMaxLooks] = {wait.identity, since_ns};
  return since_ns;
}

}  // namespace holdwatch
