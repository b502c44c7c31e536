// The registers of a thread of another process, from ptrace or a core file, converted for the unwinder.
// Any context; pure.
#pragma once

#include <sys/user.h>

#include "shim/common/contract/finding.h"

namespace holdwatch {

inline Registers registers_from(const user_regs_struct& from) {
  constexpr uint32_t kAll = Registers::kIpIsKnown | Registers::kSpIsKnown | Registers::kBpIsKnown |
                            Registers::kBxIsKnown | Registers::kR12IsKnown | Registers::kR13IsKnown |
                            Registers::kR14IsKnown | Registers::kR15IsKnown;
  return {from.rip, from.rsp, from.rbp, from.rbx, from.r12, from.r13, from.r14, from.r15, kAll, true};
}

}  // namespace holdwatch
