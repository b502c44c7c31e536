// Searches for a caller that can only be found by rbp, when rbp was not captured.
// Cold context only.
#pragma once

#include "symbolizer/unwind/stack_walk.h"

namespace holdwatch {

// Finds the caller of the walk's last frame, and continues from there to the thread's start. Returns false and leaves
// the walk unchanged if the stack proves no caller. In case of doubt, the walk's note says so.
bool find_caller(StackWalker& walker, Walk& walk, const Snapshot& snapshot);

}  // namespace holdwatch
