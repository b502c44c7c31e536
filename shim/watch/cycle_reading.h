// Reads from the records what the search for deadlocks needs: who waits for what, and what those threads hold.
// Cold context (watcher). Disturbs no thread.
#pragma once

#include "shim/timing/timing.h"
#include "shim/watch/cycle_search.h"

namespace holdwatch {

// Fills `search` with the threads that wait for a lock or for a thread's end and can be part of a cycle, and with what
// they hold. Waits with a timeout are left out: they end by themselves.
void read_waits(CycleSearch& search, const Timing& timing);

}  // namespace holdwatch
