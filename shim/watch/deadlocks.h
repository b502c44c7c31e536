// Deadlocks: threads that wait for each other in a cycle, found in the records and proven by the kernel and the locks.
// Cold context (watcher). Disturbs no thread.
#pragma once

#include "shim/inspection/lock_state.h"
#include "shim/timing/timing.h"
#include "shim/watch/cycle_search.h"

namespace holdwatch {

// Whether the whole cycle existed at one moment and can never end. If so, `holders`, which has room for kMaxHolders,
// gets its holders in the cycle's order, beginning with the oldest hold of a lock.
bool prove_cycle(const Cycle& cycle, const Timing& timing, HolderState* holders);

}  // namespace holdwatch
