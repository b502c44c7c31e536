// Pieces of the process's own libc with which a thread that calls a function for us restores itself
// (return_trampoline.h).
// Reads only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "symbolizer/tools/attach/target.h"

namespace holdwatch::attach {

struct LibcCode {
  uintptr_t restorer = 0;     // loads the number of rt_sigreturn into rax and calls it: signal handlers return to it
  uintptr_t keep_result = 0;  // writes rax `result_below` bytes below its initial stack pointer, and returns
  size_t result_below = 0;
  uintptr_t swap_bytes = 0;  // swab(3): copies bytes, swapping each pair, and does nothing else
};

// Throws Refusal if this libc does not have them, or not in the known form; also if it has no dlopen, without which
// they are useless.
LibcCode find_libc_code(AttachTarget& target);

}  // namespace holdwatch::attach
