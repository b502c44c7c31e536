// See cycle_search.h.
#include "shim/watch/cycle_search.h"

#include <algorithm>

namespace holdwatch {

void CycleSearch::add_wait(int tid, LockWord lock) {
  if (wait_count_ < kMaxWaits) waits_[wait_count_++] = {tid, lock, 0, {}};
}

void CycleSearch::add_join(int tid, int joined) {
  if (wait_count_ < kMaxWaits) waits_[wait_count_++] = {tid, {}, joined, {}};
}

void CycleSearch::add_hold(const CycleHold& hold) {
  if (hold_count_ < kMaxHolds) holds_[hold_count_++] = hold;
}

void CycleSearch::sort() {
  std::sort(waits_, waits_ + wait_count_, [](const Wait& a, const Wait& b) { return a.tid < b.tid; });
  std::sort(holds_, holds_ + hold_count_, [](const CycleHold& a, const CycleHold& b) {
    return a.lock_key() != b.lock_key() ? a.lock_key() < b.lock_key() : a.tid < b.tid;
  });
}

void CycleSearch::find(void (*visit)(void* context, const Cycle& cycle), void* context,
                       bool (*is_woken)(int tid, LockWord mutex)) {
  sort();
  WaitCycles search(waits_, wait_count_, holds_, hold_count_);
  for (size_t i = 0; i < wait_count_; ++i) {
    Wait& wait = waits_[i];
    const bool may_block = !wait.lock.condition() || (search.is_held(wait.lock_key()) && is_woken(wait.tid, wait.lock));
    wait.step.state = may_block ? SearchStep::State::untried : SearchStep::State::done;
  }
  search.find([&](const auto& found) {
    Cycle cycle{};
    cycle.count = found.count();
    if (cycle.count > kMaxHolders) return;
    size_t index = cycle.count;
    found.for_each_backwards([&](const CycleHold& hold) { cycle.holds[--index] = hold; });
    visit(context, cycle);
  });
}

}  // namespace holdwatch
