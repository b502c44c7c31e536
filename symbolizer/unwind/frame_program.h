// Checks call-frame programs before libunwind runs them: it indexes arrays with numbers from them, and follows branches.
// Cold context only; pure.
#pragma once

#include <cstdint>

#include "symbolizer/unwind/dwarf_bytes.h"

namespace holdwatch {

// Walks a program without running it: every instruction known, every register in range, nothing beyond the end.
// `defines_cfa` turns true if it says where the frame is.
bool check_frame_program(Bytes program, uint8_t pointer_encoding, bool& defines_cfa);

}  // namespace holdwatch
