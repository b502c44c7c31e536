// The search for a caller that is found by rbp where rbp was not captured.
// Cold context only.
#pragma once

#include "symbolizer/unwind/stack_walk.h"

namespace holdwatch {

// Finds the caller of the walk's last frame, and goes on from there to the thread's start. False, and the walk as it was,
// if the stack proves no caller. Where there is doubt, the walk's note says so.
bool find_caller(StackWalker& walker, Walk& walk, const Snapshot& snapshot);

}  // namespace holdwatch
