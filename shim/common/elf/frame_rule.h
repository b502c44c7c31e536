// Where the frame of a function ends, by its call-frame instructions (DWARF 4, section 6.4.2).
// Any context; pure. The bytes are not trusted.
#pragma once

#include <cstdint>
#include <optional>

#include "shim/common/elf/unwind_entries.h"

namespace holdwatch {

// The end (CFA) is this far from the stack pointer, or from rbp. The return address is right before it.
struct FrameRule {
  bool by_bp = false;
  int64_t end_offset = 0;
  // The caller's rbp is this far from the end; without: in the register still.
  std::optional<int64_t> saved_bp;
};

// The rule at `pc`, which is within the function. Nothing if it takes more than a register and an offset to know.
std::optional<FrameRule> frame_rule_at(uintptr_t pc, const CommonEntry& common, const FrameEntry& frame);

}  // namespace holdwatch
