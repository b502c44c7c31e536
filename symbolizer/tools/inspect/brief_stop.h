// Stops one thread of another process only while its registers and the part of its stack that is in use are copied,
// then lets it continue. The only pair of files that uses ptrace.
// Cold context. Only for a thread that runs, or waits on a futex, which it continues as if nothing had happened: other
// blocking calls would end with EINTR (signal(7)), or transfer only a part of their bytes.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

// Fills `out` and returns how long the thread was stopped, in nanoseconds; 0 if it could not be stopped, with the
// reason in out.snapshot.why_short. `out.snapshot.tid` is the thread. `modules` shows where the stack's mapping, and so
// the copy, ends.
uint64_t capture_stopped(MemoryReader& memory, const Modules& modules, Capture& out);

}  // namespace holdwatch
