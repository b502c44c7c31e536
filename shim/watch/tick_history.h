// When the watcher woke: turns the tick that a lock call read into the latest moment at which it can have read it.
// Cold context; pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdwatch {

// A lock call stamps a hold with the tick it finds. It found that tick before the next one was published, so the hold
// began before the next one: an age counted from there is never too long.
class TickHistory {
 public:
  // Ticks must grow.
  void add(uint64_t tick_ns) {
    if (count_ == 0) first_ns_ = tick_ns;
    ticks_[count_++ % kKept] = tick_ns;
  }

  // The latest moment at which a lock call that read `tick_ns` can have read it. 0 was read before the watch began.
  uint64_t latest_ns(uint64_t tick_ns) const {
    if (count_ == 0) return tick_ns;
    if (tick_ns < first_ns_) return first_ns_;
    const size_t kept = count_ < kKept ? count_ : kKept;
    size_t low = 0;  // how many of the kept ticks are at or below tick_ns
    for (size_t high = kept; low < high;) {
      const size_t middle = (low + high) / 2;
      if (kept_tick(kept, middle) <= tick_ns)
        low = middle + 1;
      else
        high = middle;
    }
    // Older than all that are kept: the oldest kept one is later still.
    return low < kept ? kept_tick(kept, low) : kept_tick(kept, kept - 1);
  }

  uint64_t first_ns() const { return first_ns_; }
  void clear() { count_ = 0; }

 private:
  static constexpr size_t kKept = 4096;
  uint64_t kept_tick(size_t kept, size_t position) const { return ticks_[(count_ - kept + position) % kKept]; }
  uint64_t ticks_[kKept] = {};
  size_t count_ = 0;
  uint64_t first_ns_ = 0;
};

}  // namespace holdwatch
