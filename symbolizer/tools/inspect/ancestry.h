// Where to look for the owner of a lock that is not a thread of the inspected process: a lock that was held at a fork
// names, in the child, a thread of the parent.
// Cold context.
#pragma once

#include "symbolizer/tools/inspect/target.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// If the owner is the thread that became this process's main thread at the fork, that thread can release the lock. Its
// stack shows it, if the parent still exists. `modules` are the process's.
Kin kin_by_ancestry(int pid, int namespace_tid, const Modules& modules);

}  // namespace holdwatch
