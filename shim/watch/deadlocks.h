// Deadlocks: threads that wait for each other in a cycle, found in the records and proven by the kernel and the locks.
// Cold context (watcher). Disturbs no thread.
#pragma once

#include "shim/inspection/lock_state.h"
#include "shim/timing/timing.h"
#include "shim/watch/cycle_search.h"

namespace holdwatch {

// Fills `search` with who waits and holds something, but for those whose wait has a timeout (that one ends by itself), and
// with what they hold.
void read_waits(CycleSearch& search);

// Whether all of it was true at one moment and can never end: then `holders`, of which there is room for kMaxHolders, are
// the cycle's, the oldest hold first and otherwise in the cycle's order.
bool prove_cycle(const Cycle& cycle, const Timing& timing, HolderState* holders);

}  // namespace holdwatch
