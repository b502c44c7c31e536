// See other_thread.h.
#include "symbolizer/tools/inspect/other_thread.h"

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/inspect/read_task.h"
#include "symbolizer/waits/file_locks.h"
#include "symbolizer/waits/wait_elsewhere.h"

namespace holdwatch {

std::optional<OtherThread> look_at_other_thread(int pid, int other_pid, int tid) {
  OtherThread other;
  other.pid = other_pid;
  if (!read_task(other_pid, tid, other.task)) return std::nullopt;
  other.name = read_name(thread_file(other_pid, tid, "comm"));
  other.process = read_name(process_file(other_pid, "comm"));
  other.word = shared_word_slept_on(pid, other_pid, other.task.snapshot);
  other.wait = kernel_wait_of(other_pid, tid, other.task.snapshot);
  if (other.wait.kind == WaitKind::file_lock)
    other.file = file_of_lock(other.task.snapshot.call, ThreadFiles::of(other_pid, tid));
  return other;
}

}  // namespace holdwatch
