// Stops one running thread of another process for as long as it takes to copy its registers and the part of its stack
// that is in use, and lets it go. The one file pair that knows ptrace.
// Cold context. Only for a thread that runs, or waits on a futex, which it will go on with as if nothing had happened: other
// calls that block would end with EINTR (signal(7)), or with a part of their bytes.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

// Fills `out` and returns how long the thread was stopped, in nanoseconds; 0 if it could not be, with the reason in
// out.snapshot.why_short. `out.snapshot.tid` is the thread. By the mappings of `modules` the copy ends with the stack.
uint64_t capture_stopped(MemoryReader& memory, const Modules& modules, Capture& out);

}  // namespace holdwatch
