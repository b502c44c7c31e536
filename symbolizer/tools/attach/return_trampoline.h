// Stack contents by which a thread that calls a function for us restores itself if this command is killed meanwhile.
//
// The function returns into code of libc that saves its result, which returns into the code by which signal handlers
// return; with the context that is on the stack there, rt_sigreturn(2) restores the thread's registers, vector
// registers and signal mask. If errno must be restored too, a first rt_sigreturn makes the thread call swab(3) for
// that, and a second one restores the rest. A command that is still running stops the thread before the first of them is
// made: on its way there, the thread sends itself a signal that the process ignores, which only a tracer notices.
// Pure: bytes to be written at an address, and the offsets of their parts.
#pragma once

#include <sys/user.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "symbolizer/tools/attach/libc_code.h"

namespace holdwatch::attach {

struct SavedContext {
  user_regs_struct registers{};
  std::vector<unsigned char> vectors;  // the floating point and vector registers, as PTRACE_GETREGSET returns them
  uint64_t signal_mask = 0;
};

struct SavedErrno {
  uintptr_t address = 0;
  int value = 0;
};

struct ReturnTrampoline {
  std::vector<unsigned char> bytes;
  uintptr_t address = 0;  // where they must be
  uintptr_t call = 0;     // the stack pointer at the start of a function
  uintptr_t end = 0;      // the stack pointer at the rt_sigreturn that ends a call
  uintptr_t result = 0;   // where the function's result is then
};

// All of it below `top`. `end_signal`: 0 if the thread is to send itself none.
ReturnTrampoline make_return_trampoline(const LibcCode& code, const SavedContext& saved_context, uintptr_t top,
                                        std::optional<SavedErrno> saved_errno, int end_signal);

}  // namespace holdwatch::attach
