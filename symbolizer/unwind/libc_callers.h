// Which modules call libc's lock functions directly and so bypass our hooks, for example because they were bound with
// RTLD_DEEPBIND.
// Cold context. Reads the modules' dynamic sections in memory (elf(5)) through a reader that cannot fault.
#pragma once

#include <string>
#include <vector>

#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// Their paths. A call that is not bound yet (lazy binding) does not count; nor do modules in a namespace of their own
// (dlmopen), which have another libc. "libc" is the one that the program was started with.
std::vector<std::string> libc_lock_callers(const Modules& modules, MemoryReader& memory);

}  // namespace holdwatch
