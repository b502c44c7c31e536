// Copies the part of a thread's stack that is in use.
// Cold context; a single system call, since the thread may be stopped meanwhile.
#pragma once

#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

// From the stack pointer in out.snapshot to the end of the mapping, but at most 256 KiB.
void copy_stack(MemoryReader& memory, const Modules& modules, Capture& out);

}  // namespace holdwatch
