// Which thread has a lock of malloc's, which name no owner: likely the one that is inside malloc, or a function like it, with
// an address in the lock's arena on that part of its stack.
// Cold context only. Pure but for reading memory.
#pragma once

#include <cstdint>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/waits/innermost_functions.h"

namespace holdwatch {

bool is_inside_malloc_with(uintptr_t lock, const Snapshot& thread, const RawStack& stack, const Modules& modules,
                           MemoryReader& memory, const ResolveFrames& resolve);

}  // namespace holdwatch
