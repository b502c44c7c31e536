// Which modules call libc's lock functions themselves, past whoever stands in front of them: bound so with RTLD_DEEPBIND, for
// instance.
// Cold context. Reads the modules' dynamic sections in memory (elf(5)) through a reader that cannot fault.
#pragma once

#include <string>
#include <vector>

#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// Their paths. A call that is yet to be bound, at its first use, does not count; nor do modules in a namespace of their own
// (dlmopen), which have another libc. libc is the one that the program was started with.
std::vector<std::string> libc_lock_callers(const Modules& modules, MemoryReader& memory);

}  // namespace holdwatch
