// Copies the part of a thread's stack that is in use.
// Cold context; one call of the system, since the thread may be stopped meanwhile.
#pragma once

#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

// From the stack pointer that stands in out.snapshot on, to the end of the mapping, but no more than 256 KiB.
void copy_stack(MemoryReader& memory, const Modules& modules, Capture& out);

}  // namespace holdwatch
