// Acquisitions that the short ways of own_record.h turn down: recursion, a full block of slots, a signal handler that has
// interrupted a lock call.
// Hot context, on the long way: no allocation, no lock, no log.
#pragma once

#include <cstdint>

#include "shim/record/own_record.h"

namespace holdwatch {

// The same as OwnRecord::begin_wait where takes_at_once says no; null if no slot is left.
[[gnu::noinline]] HeldSlot* begin_wait_slow(OwnRecord& record, LockWord lock, const Caller& caller, uint64_t tick_ns);

// Makes the wait of begin_wait_slow a hold, with all that there is to note of it, where the thread may have had the lock before.
[[gnu::noinline]] void hold_waited_slow(OwnRecord& record, HeldSlot& slot, LockWord lock);

// Notes an acquisition that has just succeeded and that nothing was published of.
[[gnu::noinline]] void hold_slow(OwnRecord& record, LockWord lock, const Caller& caller);

}  // namespace holdwatch
