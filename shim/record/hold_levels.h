// A lock that its thread acquires repeatedly, a recursive mutex or an rwlock for reading, has a slot for each level:
// the stack pointers in the slots show which function releases which level. The oldest slot is the hold: it has the
// identity and the time, and stays until the last level is released. Levels beyond kSitedLevels are only counted.
// Hot context, slow path: no allocation, no lock, no log.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/record/owner_record.h"

namespace holdwatch {

// How many acquisitions of one lock by one thread get a slot each, at least.
inline constexpr size_t kSitedLevels = 8;

// The levels at which a thread held a lock before it acquired it again.
struct Levels {
  size_t count = 0;
  HeldSlot* newest = nullptr;
  uintptr_t frame_sp = 0;  // of the newest one whose frame may call the function of another level, 0: none
};

// The levels of `lock` before the acquisition in `slot`; none if the thread now holds it only once. In that case older
// holds were ended by other threads, and are dropped: otherwise they would fill the record of a thread whose locks are
// released by others.
Levels levels_before(OwnerRecord& record, const HeldSlot& slot, LockWord lock);

// The slot of the previous level at which the thread holds `lock`, older than `slot`; null if there is none. The caller
// holds the lock.
HeldSlot* older_level(OwnerRecord& record, const HeldSlot& slot, LockWord lock);

[[gnu::noinline]] bool is_last_level_slow(OwnerRecord& record, HeldSlot& newest, LockWord lock, HeldSlot** first);

// Whether releasing the level in `newest`, the newest slot of the hold, ends the hold; if so, `first` is the slot in
// which the hold began. The caller holds the lock.
inline bool is_last_level(OwnerRecord& record, HeldSlot& newest, LockWord lock, HeldSlot** first) {
  *first = &newest;
  const bool is_first = (newest.at_release() & ~kUnsettled) == 0;
  return (is_first && !held_repeatedly(lock)) || is_last_level_slow(record, newest, lock, first);
}

// Notes that `caller` releases one level of a hold that continues; `newest` is the hold's newest slot.
[[gnu::noinline]] void release_level(OwnerRecord& record, HeldSlot& newest, LockWord lock, const Caller& caller);

}  // namespace holdwatch
