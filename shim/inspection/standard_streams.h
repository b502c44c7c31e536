// Standard output and standard error that do not accept what is written to them: one thread is stuck inside of a function of stdio, and
// others wait for the stream there. None of these has called a hook.
// Cold context (watcher).
#pragma once

#include "shim/timing/timing.h"

namespace holdwatch {

// To be called at each scan, which costs a look at one word of each stream while no thread waits for it. Infers who has the stream, and
// who waits for it, once its owner has slept for a while with it. Not if any of them holds a lock by its own record: then the report of
// that lock tells of the stall.
void examine_standard_streams(const Timing& timing);

void forget_standard_streams();

}  // namespace holdwatch
