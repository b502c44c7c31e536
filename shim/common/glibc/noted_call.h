// What the hook of syscall(2) notes for a signal handler, because libc's function keeps the call's number in no
// register that survives the call.
// Hot and signal context; registers only. xmm registers need not be preserved by a callee (System V ABI), libc's
// syscall(2) uses none, and the kernel saves them for a handler.
#pragma once

#include <cstdint>

namespace holdwatch {

// The stack pointer and two arguments show whether a note belongs to this call or to an earlier one.
struct NotedCall {
  uint64_t number;
  uint64_t sp;
  uint64_t first;
  uint64_t second;
};

// Which registers of a signal frame contain the four values.
inline constexpr int kNotedFrom = 12;

// Called immediately before the jump to libc's function.
[[gnu::always_inline]] inline void note_call(long number, long first, long second) {
  __asm__ volatile("movq %0, %%xmm12; movq %%rsp, %%xmm13; movq %1, %%xmm14; movq %2, %%xmm15"
                   :
                   : "r"(number), "r"(first), "r"(second)
                   : "xmm12", "xmm13", "xmm14", "xmm15");
}

}  // namespace holdwatch
