// The objects that threads wait for while they hold a lock: who ends such waits is to be learnt (record/learnt_enders.h).
// Cold context (the watcher).
#pragma once

#include "shim/record/view.h"

namespace holdwatch {

// If the holder sleeps in a futex call for something else than a lock of the records, notes who ends such waits from now on.
// Asks the kernel.
void learn_ends_for(const HoldView& hold);

}  // namespace holdwatch
