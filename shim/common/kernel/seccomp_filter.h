// What a filter of system calls may do to its caller.
// Any context; pure.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

namespace holdwatch {

// Whether the instruction leaves the caller alive and running, whatever system call it is applied to. Other actions kill it, or
// pass it to a tracer or supervisor that may.
constexpr bool is_harmless(const sock_filter& instruction) {
  if (BPF_CLASS(instruction.code) != BPF_RET) return true;
  if (BPF_RVAL(instruction.code) != BPF_K) return false;
  const unsigned action = instruction.k & SECCOMP_RET_ACTION_FULL;
  return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG || action == SECCOMP_RET_ERRNO;
}

}  // namespace holdwatch
