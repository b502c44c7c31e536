// Notes the callers of a lock call's caller, for sites whose frame does not stay until the unlock.
// Hot context: bounded loops over the thread's own stack; no call, no allocation.
#pragma once

#include <cstdint>

#include "shim/record/held_slot.h"

namespace holdwatch {

// Fills the notes from the stack between caller.sp and `stack_end`. Returns the bits for the slot's `rest`.
uint64_t note_callers(CallerNotes& notes, const Caller& caller, uintptr_t stack_end);

// Whether what was noted has changed on the stack since: the frames it belongs to have returned, or, where it is words,
// perhaps only a variable that looked like a return address was written. The calling thread's own stack.
bool callers_have_changed(const HeldSlot& slot, const CallerNotes& notes, uintptr_t stack_end);

// Whether `caller`, of another call, returns to where a function that was noted would have returned: its frame's place is
// taken by a call that was its last act and became a jump.
bool was_noted(const HeldSlot& slot, const CallerNotes& notes, const Caller& caller);

}  // namespace holdwatch
