// What a lock call notes about a hold in addition to its caller, once it has acquired the lock: an exact time, the
// callers' callers, a copy of the stack; and what the end of the hold shows about its call site.
// Hot context, slow path: no allocation, no lock, no log.
#pragma once

#include <cstdint>

#include "shim/record/owner_record.h"

namespace holdwatch {

// The main thread's stack has no frames above this address, only the program's arguments and environment. Written at
// the start; 0 if not known.
[[gnu::visibility("hidden")]] extern uintptr_t g_main_frames_end;

// Turns the wait in `slot`, whose lock call has succeeded, into a hold of `lock`, and notes everything about it.
[[gnu::noinline]] void settle(OwnerRecord& record, HeldSlot& slot, LockWord lock);

// Learns from the end of the hold in `slot`, at `caller`, whether the frame that took the lock was still there.
[[gnu::noinline]] void learn_site(const OwnerRecord& record, const HeldSlot& slot, const Caller& caller);

}  // namespace holdwatch
