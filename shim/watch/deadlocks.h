// Deadlocks: threads that wait for each other in a cycle, found in the records and proven by the kernel and the locks.
// Cold context (watcher). Disturbs no thread.
#pragma once

#include "shim/inspection/lock_state.h"
#include "shim/timing/timing.h"
#include "shim/watch/cycle_search.h"

namespace holdwatch {

// Fills `search` with the threads that wait and hold something, and with what they hold. Waits with a timeout are left out:
// they end by themselves.
void read_waits(CycleSearch& search);

// Whether the whole cycle existed at one moment and can never end. Then `holders`, with room for kMaxHolders, are its
// holders, from the oldest hold on in the cycle's order.
bool prove_cycle(const Cycle& cycle, const Timing& timing, HolderState* holders);

}  // namespace holdwatch
