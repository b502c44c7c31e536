// See futex_wait.h.
#include "shim/common/glibc/futex_wait.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include "shim/common/glibc/lock_layout.h"

namespace holdwatch {

std::optional<FutexWait> futex_wait(const SystemCall& call) {
  constexpr int kLockPi2 = 13;  // FUTEX_LOCK_PI2, Linux 5.14, which older headers lack
  if (!call.known || (call.number != SYS_futex && call.number != SYS_restart_syscall)) return std::nullopt;
  const int command = static_cast<int>(call.arguments[1]) & FUTEX_CMD_MASK;
  const bool inherits = command == FUTEX_LOCK_PI || command == kLockPi2;
  if (!inherits && command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET) return std::nullopt;
  const bool has_timeout = call.number == SYS_restart_syscall || call.arguments[3] != 0;
  const bool is_shared = (static_cast<int>(call.arguments[1]) & FUTEX_PRIVATE_FLAG) == 0;
  return FutexWait{call.arguments[0], static_cast<uint32_t>(call.arguments[2]), inherits, has_timeout, is_shared};
}

LockRef lock_waited_on(const FutexWait& wait, LockKind kind, Access access) {
  const size_t offset =
      kind == LockKind::rwlock ? rwlock_word_offset(wait.word, wait.value, access == Access::shared) : 0;
  return {wait.word - offset, kind};
}

bool waits_for_readers(const FutexWait& wait, uintptr_t rwlock) {
  return wait.word == rwlock + kRwlockPhase && wait.value == kPhaseForWriter && !wait.has_timeout;
}

}  // namespace holdwatch
