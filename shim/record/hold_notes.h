// What a lock call notes of a hold beyond its caller, once it has the lock: an exact time, the callers' callers, a copy of the
// stack; and what the end of the hold teaches about its call site.
// Hot context, on the long way: no allocation, no lock, no log.
#pragma once

#include <cstdint>

#include "shim/record/own_record.h"

namespace holdwatch {

// Above this address the main thread's stack has no frames, only what the program was started with: arguments, environment.
// Written at the start; 0 where it is not known.
[[gnu::visibility("hidden")]] extern uintptr_t g_main_frames_end;

// Makes the wait in `slot`, whose lock call has succeeded, a hold of `lock`, with all that there is to note of it.
[[gnu::noinline]] void settle(OwnRecord& record, HeldSlot& slot, LockWord lock);

// Learns from the end of the hold in `slot`, at `caller`, whether the frame that took the lock was still there.
[[gnu::noinline]] void learn_site(const OwnRecord& record, const HeldSlot& slot, const Caller& caller);

}  // namespace holdwatch
