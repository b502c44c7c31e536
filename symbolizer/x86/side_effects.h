// Which general registers an instruction changes, and whether it writes to its memory operand, by its opcode alone: for
// all that instruction.cpp does not understand further. Any context; pure.
#pragma once

#include <cstdint>

#include "symbolizer/x86/encoding.h"

namespace holdwatch {

struct SideEffects {
  uint32_t registers = 0;  // a bit for each that may change
  bool writes_memory = false;
};

SideEffects side_effects_of(const Encoding& encoding);

}  // namespace holdwatch
