// Finds among all records the locks that are held, or waited for, over their limits and that no episode tells of yet.
// Cold context (watcher). Reads records; what comes of a suspect is others' business.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/watch/episodes.h"
#include "shim/watch/timing.h"

namespace holdwatch {

// Each lock once.
struct Suspects {
  static constexpr size_t kMax = 64;  // locks looked at in one wake-up; the next one takes the others
  LockWord locks[kMax];
  size_t count = 0;
  void add(LockWord lock);
};

class Search {
 public:
  void look_for_holds(const Timing& timing, Episodes& episodes, Suspects& suspects);
  void look_for_waits(const Timing& timing, Suspects& suspects);

  // When the next look must be at the latest, for a hold that will be over its limit.
  uint64_t next_look_ns() const { return next_look_ns_; }

 private:
  uint64_t next_look_ns_ = 0;
};

}  // namespace holdwatch
