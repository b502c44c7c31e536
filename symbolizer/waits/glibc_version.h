// The version of the glibc that a process uses, from the symbol versions that its libc defines.
// Cold context only.
#pragma once

#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// libc.so.6, or libc-2.31.so: until 2.34 the file has its version in its name.
bool is_glibc(const Module& module);
// The first of them; null in a static program.
const Module* glibc_of(const Modules& modules);

// 36 for 2.36; less if a release defined no new version in libc, as 2.31, 2.37 and 2.40 did not. 0: no glibc_of.
unsigned glibc_minor_of(const Modules& modules, MemoryReader& memory);

}  // namespace holdwatch
