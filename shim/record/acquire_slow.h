// Acquisitions that the fast paths of owner_record.h cannot handle: recursion, a full block of slots, a signal handler
// that has interrupted a lock call.
// Hot context, slow path: no allocation, no lock, no log.
#pragma once

#include <cstdint>

#include "shim/record/owner_record.h"

namespace holdwatch {

// Like OwnerRecord::begin_wait, for calls where takes_at_once returns false; null if no slot is left.
[[gnu::noinline]] HeldSlot* begin_wait_slow(OwnerRecord& record, LockWord lock, const Caller& caller, uint64_t tick_ns);

// Turns the wait of begin_wait_slow into a hold and notes everything about it; the thread may hold the lock already.
[[gnu::noinline]] void hold_waited_slow(OwnerRecord& record, HeldSlot& slot, LockWord lock);

// Notes an acquisition that has just succeeded and whose wait was not published.
[[gnu::noinline]] void hold_slow(OwnerRecord& record, LockWord lock, const Caller& caller);

}  // namespace holdwatch
