// The threads that have been seen to end waits for one object: signallers of a condition, posters of a semaphore, and so on.
// Any context. Trivially copyable.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdwatch {

inline constexpr size_t kMaxLearntEnds = 8;

// The last time that a thread did it.
struct LearntEnd {
  int tid;
  uintptr_t pc;    // where its call returned to
  uint64_t at_ns;  // CLOCK_MONOTONIC, as exact as a tick
};

struct LearntEnds {
  bool is_noted;                   // false: ends of waits for this object are not noted
  bool last_is_known;              // false: a later one may be missing
  bool all_are_known;              // false: other threads may be missing
  uint32_t count;                  // distinct threads
  LearntEnd ends[kMaxLearntEnds];  // the last one first
};

}  // namespace holdwatch
