// One look at a thread of another process, by its files of /proc.
// Cold context. Nothing is noticed there.
#pragma once

#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

// False if the thread is not there any more.
bool look_at_task(int pid, int tid, Task& out);

}  // namespace holdwatch
