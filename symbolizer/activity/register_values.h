// What a function's code proves about the general registers at one of its instructions: constants followed along all
// paths that lead there from the function's beginning. A register with different values on two paths is unknown.
// Cold context only; bounded.
#pragma once

#include <optional>
#include <vector>

#include "symbolizer/activity/fault_site.h"
#include "symbolizer/unwind/known_registers.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/x86/instruction.h"

namespace holdwatch {

// The instruction that the innermost frame is about to execute, and the registers before it.
struct KnownPlace {
  Instruction instruction;
  KnownRegisters registers;
};

// None if the code cannot be followed. Argument registers are known as far as the caller's own code proves them.
std::optional<KnownPlace> place_of(const std::vector<CodeFrame>& frames, MemoryReader& memory);

}  // namespace holdwatch
