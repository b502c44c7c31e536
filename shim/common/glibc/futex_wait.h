// A wait for a lock of glibc's as the kernel sees it: a futex call, and which lock the word that it waits on belongs to.
// Any context; pure.
#pragma once

#include <cstdint>
#include <optional>

#include "shim/common/contract/finding.h"

namespace holdwatch {

struct FutexWait {
  uintptr_t word;
  uint32_t value;  // that the word had when the thread began to wait
  bool inherits;   // the kernel's own protocol, of a mutex that inherits priority: the word is the mutex's
  bool has_timeout;
};

// Nothing if the call is another, or wakes somebody. A wait with a timeout that was stopped and continued goes on as
// restart_syscall, its arguments still in place (signal(7)).
std::optional<FutexWait> futex_wait(const SystemCall& call);

// The lock of that kind whose word it waits on.
LockRef lock_waited_on(const FutexWait& wait, LockKind kind, Access access);

}  // namespace holdwatch
