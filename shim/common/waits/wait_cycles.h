// The search for deadlocks: which threads wait for one another in a cycle. The watcher uses it for its own process
// (cycle_search), `inspect` for another one (wait_graph).
// Any context; pure. Works in the caller's storage, whose size it does not limit, and allocates nothing.
//
// A thread waits for one lock at a time; a lock may have several holders, and its waiters wait for all of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace holdwatch {

// What the search notes in a wait.
struct SearchStep {
  enum class State : uint8_t { untried, on_way, done };
  State state = State::untried;
  uint32_t next_hold = 0;  // the next hold of its lock to be tried
  uint32_t by = 0;         // the hold through which the path reached its thread
  uint32_t before = 0;     // the wait before it on the path
};

// `Wait` and `Hold` have a thread, `int tid`, and identify their lock by `uint64_t lock_key() const`; a Wait has a
// `SearchStep step`.
template <typename Wait, typename Hold>
class WaitCycles {
 public:
  using State = SearchStep::State;

  // The waits must be sorted by thread, the holds by lock.
  WaitCycles(Wait* waits, size_t wait_count, const Hold* holds, size_t hold_count)
      : waits_(waits), wait_count_(wait_count), holds_(holds), hold_count_(hold_count) {}

  // The last hold is the one whose thread waits for the lock of the first. One thread that waits for itself is a cycle
  // of one.
  class Cycle {
   public:
    size_t count() const {
      size_t count = 0;
      for_each_backwards([&](const Hold&) { ++count; });
      return count;
    }
    // From the last hold to the first.
    template <typename Visit>
    void for_each_backwards(Visit visit) const {
      const Hold& closing = search_.holds_[closing_hold_];
      for (uint32_t at = last_; search_.waits_[at].tid != closing.tid; at = search_.waits_[at].step.before)
        visit(search_.holds_[search_.waits_[at].step.by]);
      visit(closing);
    }

   private:
    friend class WaitCycles;
    Cycle(const WaitCycles& search, uint32_t last, uint32_t closing_hold)
        : search_(search), last_(last), closing_hold_(closing_hold) {}
    const WaitCycles& search_;
    uint32_t last_;
    uint32_t closing_hold_;
  };

  // Calls `visit(cycle)` for cycles, until every further cycle has a thread in common with one of them. Begins at the
  // waits that are `untried`; those that are `done` are part of none.
  template <typename Visit>
  void find(Visit visit) {
    for (uint32_t start = 0; start < wait_count_; ++start)
      if (waits_[start].step.state == State::untried) follow(start, visit);
  }

  bool is_held(uint64_t lock) const { return is_hold_of(first_hold_of(lock), lock); }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  uint32_t first_hold_of(uint64_t lock) const {
    const auto is_less = [](const Hold& hold, uint64_t key) { return hold.lock_key() < key; };
    return static_cast<uint32_t>(std::lower_bound(holds_, holds_ + hold_count_, lock, is_less) - holds_);
  }
  bool is_hold_of(uint32_t hold, uint64_t lock) const { return hold < hold_count_ && holds_[hold].lock_key() == lock; }

  // The index of the thread's wait if that has yet to be tried or is on the path, else kNone.
  uint32_t open_wait_of(int tid) const {
    const auto is_less = [](const Wait& wait, int other) { return wait.tid < other; };
    const Wait* wait = std::lower_bound(waits_, waits_ + wait_count_, tid, is_less);
    const bool is_open = wait != waits_ + wait_count_ && wait->tid == tid && wait->step.state != State::done;
    return is_open ? static_cast<uint32_t>(wait - waits_) : kNone;
  }

  void enter(uint32_t index, uint32_t by, uint32_t before) {
    waits_[index].step = {State::on_way, first_hold_of(waits_[index].lock_key()), by, before};
  }

  // Depth first, without recursion: a path may be as long as the number of threads. Each wait, and each hold of its
  // lock, is tried once.
  template <typename Visit>
  void follow(uint32_t start, Visit visit) {
    enter(start, kNone, kNone);
    for (uint32_t at = start; at != kNone;) {
      SearchStep& step = waits_[at].step;
      const uint32_t hold = step.next_hold;
      if (!is_hold_of(hold, waits_[at].lock_key())) {
        step.state = State::done;
        at = step.before;
        continue;
      }
      ++step.next_hold;
      const uint32_t next = open_wait_of(holds_[hold].tid);
      if (next == kNone) continue;
      if (waits_[next].step.state == State::on_way) {
        visit(Cycle(*this, at, hold));
        continue;
      }
      enter(next, hold, at);
      at = next;
    }
  }

  Wait* waits_;
  size_t wait_count_;
  const Hold* holds_;
  size_t hold_count_;
};

}  // namespace holdwatch
