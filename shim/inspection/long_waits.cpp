// See long_waits.h.
#include "shim/inspection/long_waits.h"

#include "shim/common/glibc/futex_wait.h"
#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/task_files.h"
#include "shim/record/learnt_enders.h"

namespace holdwatch {

void learn_ends_for(const HoldView& hold) {
  WaitView wait;
  if (hold.gone || view_wait_of(hold, &wait)) return;
  SyscallFile file;
  if (read_syscall_file(hold.tid, &file) != 0 || file.kind != SyscallFile::Kind::in_call) return;
  const auto futex = futex_wait(file.call);
  if (futex && !futex->inherits) note_ends_of(futex->word);
}

}  // namespace holdwatch
