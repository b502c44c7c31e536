// When the watcher woke up: turns the tick that a lock call read into the latest moment at which it can have read it.
// Cold context; pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/base/clock_line.h"

namespace holdwatch {

// How long after its own time a tick may be published.
inline constexpr uint64_t kPublishedWithinNs = 20'000;

// A lock call stamps a hold with the tick it finds. It found that tick before the next one was published, so the hold
// began before that was: an age counted from there is never too long. All of the last 512 ticks are kept, of the 4,096
// before every eighth, and so on: an age is short by less than a sixty-fourth for that, however long the hold lasts.
class TickHistory {
 public:
  // Ticks must grow.
  void add(uint64_t tick_ns) {
    if (count_ == 0) first_ns_ = tick_ns;
    uint64_t number = count_++;
    for (size_t level = 0; level < kLevels; ++level, number /= kThinning) {
      ticks_[level][number % kKept] = tick_ns;
      if (number % kThinning != 0) return;
    }
  }

  // The latest moment at which a lock call with this stamp can have been made. A stamp from before watching counts from its start.
  uint64_t latest_ns(uint64_t stamp) const {
    if ((stamp & kExact) != 0) return stamp | kStampBits;
    const uint64_t tick_ns = stamp & ~uint64_t{kStampBits};
    if (count_ == 0) return tick_ns;
    if (tick_ns < first_ns_) return first_ns_;
    uint64_t latest_ns = UINT64_MAX;
    for (size_t level = 0; level < kLevels; ++level) {
      const uint64_t later_ns = next_kept(level, tick_ns);
      if (later_ns < latest_ns) latest_ns = later_ns;
      if (oldest_kept(level) <= tick_ns) break;
    }
    return latest_ns;
  }

  uint64_t first_ns() const { return first_ns_; }
  void clear() { count_ = 0; }

 private:
  static constexpr size_t kLevels = 6;
  static constexpr size_t kKept = 512;
  static constexpr size_t kThinning = 8;

  size_t count_at(size_t level) const { return level == 0 ? count_ : (count_ - 1) / thinned(level) + 1; }
  static constexpr size_t thinned(size_t level) { return size_t{1} << (3 * level); }
  static_assert(kThinning == 8);
  size_t kept_at(size_t level) const { return count_at(level) < kKept ? count_at(level) : kKept; }
  uint64_t kept_tick(size_t level, size_t position) const {
    return ticks_[level][(count_at(level) - kept_at(level) + position) % kKept];
  }
  uint64_t oldest_kept(size_t level) const { return kept_tick(level, 0); }

  // The first kept one after `tick_ns`; if there is none, `tick_ns` is the newest tick, or newer than this level's newest.
  uint64_t next_kept(size_t level, uint64_t tick_ns) const {
    const size_t kept = kept_at(level);
    size_t low = 0;  // how many of the kept ticks are at or below tick_ns
    for (size_t high = kept; low < high;) {
      const size_t middle = (low + high) / 2;
      if (kept_tick(level, middle) <= tick_ns)
        low = middle + 1;
      else
        high = middle;
    }
    if (low < kept) return kept_tick(level, low);
    return level == 0 ? kept_tick(level, kept - 1) : UINT64_MAX;
  }

  uint64_t ticks_[kLevels][kKept] = {};
  size_t count_ = 0;
  uint64_t first_ns_ = 0;
};

}  // namespace holdwatch
