// See futex_sleeper.h.
#include "shim/inspection/futex_sleeper.h"

#include <sys/syscall.h>

namespace holdwatch {

bool FutexSleeper::is_stuck(int tid) {
  SyscallFile now{};
  if (tid == 0 || read_syscall_file(tid, &now) != 0) return false;
  const bool sleeps = now.kind == SyscallFile::Kind::in_call && now.call.known && now.call.number == SYS_futex;
  const bool as_before = sleeps && before_.kind == now.kind && before_.call.arguments[0] == now.call.arguments[0];
  before_ = sleeps ? now : SyscallFile{};
  return as_before;
}

}  // namespace holdwatch
