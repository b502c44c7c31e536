// Where to look for the owner of a lock that is not a thread of the inspected process: a lock that was held at a fork
// names, in the child, a thread of the parent.
// Cold context.
#pragma once

#include "symbolizer/unwind/modules.h"

namespace holdwatch {

bool is_thread_of_parent(int pid, int namespace_tid);

// Whether the owner may be the thread that became this process's main thread at the fork: then that thread can release
// the lock. By its stack, if the parent still exists; otherwise, if the owner is older than the process. `modules` are
// the process's.
bool may_be_main_before_fork(int pid, int namespace_tid, const Modules& modules);

}  // namespace holdwatch
