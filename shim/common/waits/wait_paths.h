// From a wait up to its root: the thread that waits for nobody. The watcher uses it for its own process (wait_trees),
// `inspect` for another one (wait_graph); with the Wait and Hold of wait_cycles.h, and a `PathStep path` in a Wait.
// Any context; pure. Works in the caller's storage, whose size it does not limit, and allocates nothing.
//
// A lock may have several holders, all of which its waiters wait for; a path follows one of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace holdwatch {

// Where a wait leads; indexes, or kNone. No other defaults than zero, so that an array of them takes no space in a file.
struct PathStep {
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t hold;    // of what is waited for: the hold that the path follows; none is known: the path ends here
  uint32_t next;    // what that hold's thread waits for; none: it is the root
  uint32_t last;    // the last wait of the path; none: it leads into a circle
  uint32_t length;  // how many waits the path has, this one included
};

template <typename Wait, typename Hold>
class WaitPaths {
 public:
  static constexpr uint32_t kNone = PathStep::kNone;

  // The waits must be sorted by thread, the holds by lock.
  WaitPaths(Wait* waits, size_t wait_count, const Hold* holds, size_t hold_count)
      : waits_(waits), wait_count_(wait_count), holds_(holds), hold_count_(hold_count) {}

  // Fills in the path of each wait. `is_better(hold, waits, other, other_waits)`: which of the holds of one lock is
  // followed, where each thread waits itself or not.
  template <typename IsBetter>
  void find(IsBetter is_better) {
    for (size_t i = 0; i < wait_count_; ++i) {
      PathStep& path = waits_[i].path = {kNone, kNone, kNone, 0};
      path.hold = chosen_hold_of(waits_[i].lock_key(), is_better);
      if (path.hold != kNone) path.next = wait_of(holds_[path.hold].tid);
    }
    for (uint32_t i = 0; i < wait_count_; ++i)
      if (waits_[i].path.length == 0) find_end(i);
  }

  template <typename IsBetter>
  uint32_t chosen_hold_of(uint64_t lock, IsBetter is_better) const {
    uint32_t chosen = kNone;
    for (uint32_t hold = first_hold_of(lock); hold < hold_count_ && holds_[hold].lock_key() == lock; ++hold) {
      if (chosen == kNone || is_better(holds_[hold], waits(holds_[hold]), holds_[chosen], waits(holds_[chosen])))
        chosen = hold;
    }
    return chosen;
  }

  // The index of the thread's wait, or kNone.
  uint32_t wait_of(int tid) const {
    const auto is_less = [](const Wait& wait, int other) { return wait.tid < other; };
    const Wait* wait = std::lower_bound(waits_, waits_ + wait_count_, tid, is_less);
    return wait != waits_ + wait_count_ && wait->tid == tid ? static_cast<uint32_t>(wait - waits_) : kNone;
  }

 private:
  bool waits(const Hold& hold) const { return wait_of(hold.tid) != kNone; }

  uint32_t first_hold_of(uint64_t lock) const {
    const auto is_less = [](const Hold& hold, uint64_t key) { return hold.lock_key() < key; };
    return static_cast<uint32_t>(std::lower_bound(holds_, holds_ + hold_count_, lock, is_less) - holds_);
  }

  // Goes up from a wait to one whose end is known, or to the root, or around a circle; then each wait on the way gets the
  // same end. Each wait is passed a few times in all.
  void find_end(uint32_t start) {
    uint32_t count = 0, last = kNone, beyond = 0;
    for (uint32_t at = start;;) {
      PathStep& path = waits_[at].path;
      if (path.length != 0) {  // known, or met before on this way: a circle has no last wait
        last = path.last;
        beyond = path.length;
        break;
      }
      path.length = ++count;
      if (path.next == kNone) {
        last = at;
        break;
      }
      at = path.next;
    }
    const bool has_end = last != kNone;
    uint32_t length = has_end ? beyond + count : 1;
    for (uint32_t at = start, i = 0; i < count; ++i, at = waits_[at].path.next) {
      waits_[at].path.last = last;
      waits_[at].path.length = has_end ? length-- : 1;
    }
  }

  Wait* waits_;
  size_t wait_count_;
  const Hold* holds_;
  size_t hold_count_;
};

}  // namespace holdwatch
