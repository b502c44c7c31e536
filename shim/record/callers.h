// Notes the callers of a lock call's caller, for sites whose frame does not stay until the unlock.
// Hot context: bounded loops over the thread's own stack; no call, no allocation.
#pragma once

#include <cstdint>

#include "shim/record/held_slot.h"

namespace holdwatch {

// Fills slot.sites from the stack between caller.sp and `stack_end`. Returns the bits for slot.callers.
uint32_t note_callers(HeldSlot& slot, const Caller& caller, uintptr_t stack_end);

// Whether what was noted has changed on the stack since: the frames it belongs to have returned, or, where it is words,
// perhaps only a variable that looked like a return address was written. The calling thread's own stack.
bool callers_have_changed(const HeldSlot& slot, uintptr_t stack_end);

}  // namespace holdwatch
