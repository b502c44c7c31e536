// Pieces of the process's own libc by which a thread that calls a function for us gets back by itself (return_trampoline.h).
// Reads only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "symbolizer/tools/attach/target.h"

namespace holdwatch::control {

struct LibcCode {
  uintptr_t restorer = 0;  // puts the number of rt_sigreturn into rax and calls it: what signal handlers return to
  uintptr_t keep_result =
      0;  // writes rax `result_below` bytes below the stack pointer that it begins with, and returns
  size_t result_below = 0;
  uintptr_t swap_bytes = 0;  // swab(3): copies bytes, each two of them exchanged, and uses nothing else
};

// Throws Refusal if this libc has them not, or not as they are known; also if it has no dlopen, without which they are of no use.
LibcCode find_libc_code(Target& target);

}  // namespace holdwatch::control
