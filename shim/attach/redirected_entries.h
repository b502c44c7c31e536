// The slots that were redirected to our hooks, remembered so that they can be restored.
// Cold context, one thread at a time (redirect.cpp ensures this). Reserved memory; what does not fit is not redirected.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdwatch {

struct Slot {
  uintptr_t address;
  uintptr_t found;  // its content before: `real`, or code of its module that makes the loader bind it at the first call
  uintptr_t real;   // the function that it leads to without us
  uintptr_t ours;
  bool is_protected;  // its page is read-only and must become so again
};

// Stores `ours` in the slot if it still contains `found`. False if it does not, or if it cannot be written or
// remembered.
bool note_and_redirect(const Slot& slot);

// All modules have been examined once: from now on, a new slot may have the address of one in a module that was
// unloaded.
void expect_known_slots();

// Restores the slots between two addresses that still lead to our hook. The caller passes the ranges of modules that
// are still loaded, so that nothing is written to memory that has been reused for something else.
void restore_redirected(uintptr_t start, uintptr_t end);

void forget_slots();

}  // namespace holdwatch
