// One look at a thread of another process, through its files in /proc.
// Cold context. Does not affect the thread.
#pragma once

#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

// False if the thread no longer exists.
bool read_task(int pid, int tid, Task& out);

}  // namespace holdwatch
