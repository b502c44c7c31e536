// Where the owner of a lock may be found that is no thread of the inspected process: a lock that was held at a fork names, in
// the child, a thread of the parent.
// Cold context.
#pragma once

#include "symbolizer/unwind/modules.h"

namespace holdwatch {

bool is_thread_of_parent(int pid, int own_tid);

// Whether the owner may be what is the main thread here since the fork: then that one can give the lock back. As the stack
// tells, if the parent is there still; else, for an owner who is older than the process. `modules` are the process's.
bool may_be_main_before_fork(int pid, int own_tid, const Modules& modules);

bool is_alive_elsewhere(int own_tid);

}  // namespace holdwatch
