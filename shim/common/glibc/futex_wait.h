// A wait for a glibc lock as the kernel sees it: a futex call, and which lock the futex word belongs to.
// Any context; pure.
#pragma once

#include <cstdint>
#include <optional>

#include "shim/common/contract/finding.h"

namespace holdwatch {

struct FutexWait {
  uintptr_t word;
  uint32_t value;  // the value of the word when the thread began to wait
  bool inherits;   // the kernel's own protocol, for a mutex that inherits priority: the word is the mutex's
  bool has_timeout;
  bool is_shared;  // between processes, or between mappings of one; else the kernel identifies the word by its address
};

// Nothing if the call is another one, or wakes threads. A wait with a timeout that was stopped and continued goes on as
// restart_syscall, with its arguments still in place (signal(7)).
std::optional<FutexWait> futex_wait(const SystemCall& call);

// The lock of that kind that the futex word belongs to.
LockRef lock_waited_on(const FutexWait& wait, LockKind kind, Access access);

// Whether it is how the writer that is to have the rwlock next waits, without a timeout, until its readers have left. No
// more than one thread does.
bool waits_for_readers(const FutexWait& wait, uintptr_t rwlock);

}  // namespace holdwatch
