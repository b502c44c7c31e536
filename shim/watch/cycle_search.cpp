// See cycle_search.h.
#include "shim/watch/cycle_search.h"

#include <algorithm>

namespace holdwatch {

void CycleSearch::add_wait(int tid, LockWord lock) {
  if (wait_count_ < kMaxWaits) waits_[wait_count_++] = {tid, lock, State::untried, 0, kNone, kNone};
}

void CycleSearch::add_hold(const CycleHold& hold) {
  if (hold_count_ < kMaxHolds) holds_[hold_count_++] = hold;
}

void CycleSearch::sort() {
  std::sort(waits_, waits_ + wait_count_, [](const Wait& a, const Wait& b) { return a.tid < b.tid; });
  std::sort(holds_, holds_ + hold_count_, [](const CycleHold& a, const CycleHold& b) {
    if (!a.lock.is_same_lock(b.lock)) return a.lock.address() < b.lock.address();
    return a.tid < b.tid;
  });
}

uint32_t CycleSearch::first_hold_of(LockWord lock) const {
  const CycleHold* first =
      std::lower_bound(holds_, holds_ + hold_count_, lock.address(),
                       [](const CycleHold& hold, uintptr_t address) { return hold.lock.address() < address; });
  return static_cast<uint32_t>(first - holds_);
}

bool CycleSearch::is_held(LockWord lock) const {
  const uint32_t first = first_hold_of(lock);
  return first < hold_count_ && holds_[first].lock.is_same_lock(lock);
}

CycleSearch::Wait* CycleSearch::wait_of(int tid) {
  Wait* wait = std::lower_bound(waits_, waits_ + wait_count_, tid, [](const Wait& a, int b) { return a.tid < b; });
  return wait != waits_ + wait_count_ && wait->tid == tid ? wait : nullptr;
}

void CycleSearch::find(void (*visit)(void* context, const Cycle& cycle), void* context,
                       bool (*is_woken)(int tid, LockWord mutex)) {
  sort();
  for (size_t i = 0; i < wait_count_; ++i) {
    Wait& wait = waits_[i];
    const bool may_block = !wait.lock.condition() || (is_held(wait.lock) && is_woken(wait.tid, wait.lock));
    wait.state = may_block ? State::untried : State::done;
  }
  for (uint32_t start = 0; start < wait_count_; ++start)
    if (waits_[start].state == State::untried) follow(start, visit, context);
}

// Depth first, without recursion: a path may be as long as the number of threads. Each wait and each hold of a lock is tried
// once.
void CycleSearch::follow(uint32_t start, void (*visit)(void*, const Cycle&), void* context) {
  const auto enter = [&](uint32_t index, uint32_t by, uint32_t before) {
    Wait& wait = waits_[index];
    wait.state = State::on_way;
    wait.next_hold = first_hold_of(wait.lock);
    wait.by = by;
    wait.before = before;
  };
  enter(start, kNone, kNone);
  for (uint32_t at = start; at != kNone;) {
    Wait& wait = waits_[at];
    const uint32_t hold = wait.next_hold;
    if (hold == hold_count_ || !holds_[hold].lock.is_same_lock(wait.lock)) {
      wait.state = State::done;
      at = wait.before;
      continue;
    }
    ++wait.next_hold;
    Wait* next = wait_of(holds_[hold].tid);
    if (next == nullptr || next->state == State::done) continue;
    if (next->state == State::on_way) {
      close(at, hold, visit, context);
      continue;
    }
    const auto next_index = static_cast<uint32_t>(next - waits_);
    enter(next_index, hold, at);
    at = next_index;
  }
}

// The wait `last` of the path leads to a thread that is already on the path, through the hold that closes the cycle.
void CycleSearch::close(uint32_t last, uint32_t closing_hold, void (*visit)(void*, const Cycle&), void* context) const {
  Cycle cycle{};
  for (uint32_t at = last; waits_[at].tid != holds_[closing_hold].tid; at = waits_[at].before) {
    if (cycle.count == kMaxHolders - 1) return;
    cycle.holds[cycle.count++] = holds_[waits_[at].by];
  }
  cycle.holds[cycle.count++] = holds_[closing_hold];
  std::reverse(cycle.holds, cycle.holds + cycle.count);
  visit(context, cycle);
}

}  // namespace holdwatch
