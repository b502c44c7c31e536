// Notes the callers of a lock call's caller, for sites whose frame does not stay until the unlock.
// Hot context: bounded loops over the thread's own stack; no call, no allocation.
#pragma once

#include <cstdint>

#include "shim/record/held_slot.h"

namespace holdwatch {

// Fewer links can be coincidence: code without frame pointers may keep pointers to its own variables in rbp.
inline constexpr uint32_t kFewestLinks = 2;

// Fills the notes from the stack between caller.sp and `stack_end`, up to `most_links` callers where frame pointers
// lead to them. Returns the bits for the slot's `noted`.
uint32_t note_callers(CallerNotes& notes, const Caller& caller, uintptr_t stack_end, uint32_t most_links);

// How many of the innermost noted callers have returned since, judging by what has changed on the stack. If words were
// noted instead of call sites, a changed word may only be a variable that looked like a return address. Reads nothing
// below `lowest`. For the calling thread's own stack.
uint32_t changed_callers(const HeldSlot& slot, const CallerNotes& notes, uintptr_t lowest, uintptr_t stack_end);

// Whether `caller`, of another call, returns to the same address as a noted function would have: that function ended in
// a tail call, whose frame replaced its own.
bool was_noted(const HeldSlot& slot, const CallerNotes& notes, const Caller& caller);

// Whether the function that makes the call `caller` was called, by its frame pointer, where a noted function had been:
// the noted one has returned, and its caller has called this one since. False if it took over that one's frame by a
// jump, and where nothing is known. For the calling thread's own stack.
bool was_called_since(const HeldSlot& slot, const CallerNotes& notes, const Caller& caller, uintptr_t stack_end);

}  // namespace holdwatch
