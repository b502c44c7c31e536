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
  uintptr_t swap_bytes = 0;       // swab(3): copies bytes, swapping each pair, and does nothing else
  int64_t errno_from_thread = 0;  // where errno is, from a thread's fs_base; 0 if that is unknown
  // Both 0 if one of them is missing.
  uintptr_t load_argument = 0;  // moves a word from the stack to rdi, and returns
  uintptr_t raise = 0;          // raise(3)
};

// Throws Refusal if this libc does not have them, or not in the known form; also if it has no dlopen, without which
// they are useless.
LibcCode find_libc_code(AttachTarget& target);

}  // namespace holdwatch::attach
