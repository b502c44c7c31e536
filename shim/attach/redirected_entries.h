// The slots that were turned to our hooks, remembered so that they can be turned back.
// Cold context, one thread at a time (redirect.cpp sees to it). Reserved memory; what does not fit is not turned.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdwatch {

struct Slot {
  uintptr_t address;
  uintptr_t found;  // what it held: `real`, or code of its module that has the loader bind it at the first call
  uintptr_t real;   // the function that it leads to without us
  uintptr_t ours;
  bool is_protected;  // its page is read-only and has to be so again
};

// Writes `ours` if the slot still holds `found`. False: it does not, or it cannot be written or remembered.
bool note_and_turn(const Slot& slot);

// Modules have been looked at once: what is turned from now on may lie where a module lay that is gone.
void expect_known_slots();

// Gives those between two addresses what they held, where they still hold our hook: a module that is there is asked for its
// own slots, so that nothing is written into memory which something else has taken since.
void restore_redirected(uintptr_t start, uintptr_t end);

void forget_slots();

}  // namespace holdwatch
