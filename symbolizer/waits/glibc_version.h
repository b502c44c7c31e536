// The version of the glibc that a process uses, from the symbol versions that its libc.so.6 defines.
// Cold context only.
#pragma once

#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// 36 for 2.36; at least so much if a release defined no new version in libc. 0: no libc.so.6, as in a static program.
unsigned glibc_minor_of(const Modules& modules, MemoryReader& memory);

}  // namespace holdwatch
