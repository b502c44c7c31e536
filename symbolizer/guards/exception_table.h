// Where the unwinding of an exception continues in a function: the landing pad for a call, from the function's exception
// table (.gcc_except_table), which strip leaves in place. The format is that of the Itanium C++ ABI, "Exception Handling Tables",
// as gcc and clang write it.
// Cold context only. The table may contain anything.
#pragma once

#include <cstdint>
#include <optional>

#include "symbolizer/unwind/eh_frame.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// `pc` is an address inside the call. Nothing if an exception from there would not stop in this function: it has no table, or
// nothing to clean up.
std::optional<uintptr_t> find_landing_pad(const Procedure& procedure, uintptr_t pc, MemoryReader& memory);

}  // namespace holdwatch
