// Checks call-frame programs before libunwind runs them: it uses numbers from them as array indexes, and follows
// branches.
// Cold context only; pure.
#pragma once

#include <cstdint>

#include "shim/common/elf/dwarf_bytes.h"

namespace holdwatch {

// Walks through a program without running it: every instruction must be known, every register in range, and nothing
// beyond the end. Sets `defines_cfa` if the program defines where the frame is.
bool check_frame_program(Bytes program, uint8_t pointer_encoding, bool& defines_cfa);

}  // namespace holdwatch
