// What an unlock does with a hold that reached (nearly) its limit, and what one of a lock that no thread held does: see
// ended_holds.h; defined in ended_holds.cpp.
// Hot context, but only in these cases; no allocation, no lock, no system call beyond a vDSO clock.
#pragma once

#include "shim/record/owner_record.h"

namespace holdwatch {

// Notes that the calling thread is about to end its hold of `lock`, which began in the slot `first` of its record; the
// slot `last` belongs to the level that ends, usually the same slot. `lock` is passed along because the watcher may
// empty the slot at any time (drop_left_over).
[[gnu::noinline]] void hand_over_slow(OwnerRecord& record, LockWord lock, const HeldSlot& first, const HeldSlot& last,
                                      const Caller& caller);

// Notes that the calling thread is about to unlock `lock`, which no thread holds, as its fields show. Once for each
// place in the program.
[[gnu::noinline, gnu::cold]] void note_stray_unlock_slow(LockWord lock, const Caller& caller);

}  // namespace holdwatch
