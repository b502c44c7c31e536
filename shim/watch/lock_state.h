// Everybody who holds one lock or waits for it, at one moment: the records' views, checked against the lock's own fields.
// Cold context (watcher). Fixed room; what does not fit is counted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/record/view.h"
#include "shim/watch/sightings.h"

namespace holdwatch {

inline constexpr size_t kMaxHolders = 32;
inline constexpr size_t kMaxWaiters = 4096;

struct HolderState {
  HoldView hold;
  bool likely;                      // the lock's own fields could not confirm it
  bool waits_since_before = false;  // of a circle: its own wait was adopted (watch/adopted)
  uint64_t waits_since_ns = 0;      // of a circle: the tick at which its own wait began
};

struct LockState {
  LockWord lock;
  HolderState holders[kMaxHolders];
  size_t holder_count;
  size_t holders_left_out;
  WaitView waiters[kMaxWaiters];  // condition waits among them: see WaitView::word.condition()
  size_t waiter_count;
  size_t waiters_left_out;
  size_t waiting;  // threads that wait for the lock itself
};

// Fills `out` for the lock at `lock`'s address. It was wanted of `sightings`, or is looked for by a walk of its own.
void read_lock_state(LockWord lock, Sightings& sightings, LockState* out);

// The same for a circle of threads (circles.h): the holders are given, and the waiters are all that wait for any of the
// circle's locks without being part of it.
void read_circle_state(const HolderState* holders, size_t count, Sightings& sightings, LockState* out);

}  // namespace holdwatch
