// Where a variable is, by its debug data.
// Cold context only. The data may be damaged: what is not understood as a whole is not known.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <optional>

#include "symbolizer/symbols/frame_values.h"

namespace holdwatch {

// A variable's address, or, if it is in no memory, its value.
struct VariablePlace {
  bool is_in_memory;
  uint64_t value;
};

// Of a variable or a parameter of the function, or of a function inlined into it, while execution is at `pc` (as in the file).
std::optional<VariablePlace> place_of_variable(Dwarf_Die variable, Dwarf_Die function, uintptr_t pc,
                                               const FrameValues& frame);

}  // namespace holdwatch
