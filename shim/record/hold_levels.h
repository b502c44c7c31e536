// A lock that its thread takes again, a recursive mutex or for reading, has a slot for each level: who gives up which
// is told by their stack pointers. The oldest slot is the hold: it has the identity and the time, and stays until the last
// level is given up. Beyond kSitedLevels they are only counted.
// Hot context, on the long way: no allocation, no lock, no log.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/record/own_record.h"

namespace holdwatch {

// Acquisitions of one lock by one thread that have a slot each, at least.
inline constexpr size_t kSitedLevels = 8;

// The levels by which a thread had a lock before it took it again.
struct Levels {
  size_t count = 0;
  HeldSlot* newest = nullptr;
  uintptr_t frame_sp = 0;  // of the newest one whose frame may call the function of a further level, 0: none
};

// Those of `lock` before the acquisition in `slot`; none if the thread has it once now. Then older holds were
// ended by other threads: they are dropped, lest they fill the record where locks are taken by one thread and given up
// by another.
Levels levels_before(OwnRecord& record, const HeldSlot& slot, LockWord lock);

// The slot of the level before the one in `slot`, by which the thread has `lock` too; null if that is the only one. The
// caller has the lock.
HeldSlot* older_level(OwnRecord& record, const HeldSlot& slot, LockWord lock);

[[gnu::noinline]] bool is_last_level_slow(OwnRecord& record, HeldSlot& newest, LockWord lock, HeldSlot** first);

// Whether the hold is over when the level in `newest`, its newest slot, is given up; `first` is where it began, then. The
// caller has the lock.
inline bool is_last_level(OwnRecord& record, HeldSlot& newest, LockWord lock, HeldSlot** first) {
  *first = &newest;
  const bool is_first = (newest.at_release() & ~kUnsettled) == 0;
  return (is_first && !held_repeatedly(lock)) || is_last_level_slow(record, newest, lock, first);
}

// Notes that `caller` gives up one level of a hold that goes on; `newest` is the hold's newest slot.
[[gnu::noinline]] void give_up_level(OwnRecord& record, HeldSlot& newest, LockWord lock, const Caller& caller);

}  // namespace holdwatch
