// The waits and holds that make up the trees of waiting threads, from all records.
// Cold context (watcher). Disturbs no thread.
#pragma once

#include "shim/timing/timing.h"
#include "shim/watch/wait_trees.h"

namespace holdwatch {

// Once at each wake-up. What does not fit is left out.
void read_trees(WaitTrees& trees, const Timing& timing);

}  // namespace holdwatch
