// A stack from which a thread that calls a function for us gets back by itself, should this command be killed meanwhile.
//
// The function returns into libc's code that keeps its result, that into the code by which signal handlers return, and with
// what lies on the stack then, rt_sigreturn(2) takes the thread home: to its registers, vector registers and signal mask. If
// errno is to be put back too, a first rt_sigreturn has the thread call swab(3) for it, and a second restores the rest. A command
// that lives stops the thread at the first of them, and lets none be made.
// Pure: bytes to be written at an address, and where in them what begins.
#pragma once

#include <sys/user.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "symbolizer/tools/attach/libc_code.h"

namespace holdwatch::control {

struct SavedContext {
  user_regs_struct registers{};
  std::vector<unsigned char> vectors;  // the floating point and vector registers, as PTRACE_GETREGSET hands them out
  uint64_t signal_mask = 0;
};

struct SavedErrno {
  uintptr_t address = 0;
  int value = 0;
};

struct ReturnTrampoline {
  std::vector<unsigned char> bytes;
  uintptr_t address = 0;  // where they have to lie
  uintptr_t call = 0;     // the stack pointer with which a function begins
  uintptr_t end = 0;      // that of the rt_sigreturn that ends a call
  uintptr_t result = 0;   // where the function's result lies then
};

// All of it below `top`.
ReturnTrampoline make_return_trampoline(const LibcCode& code, const SavedContext& saved_context, uintptr_t top,
                                        std::optional<SavedErrno> saved_errno);

}  // namespace holdwatch::control
