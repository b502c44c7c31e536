// See other_thread.h.
#include "symbolizer/tools/inspect/other_thread.h"

#include "shim/common/glibc/futex_wait.h"
#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/inspect/read_task.h"
#include "symbolizer/waits/shared_memory.h"

namespace holdwatch {
namespace {

// A mutex that inherits priority is never waited for in a cycle: the kernel refuses that.
uintptr_t word_slept_on(const Snapshot& snapshot) {
  const auto futex = futex_wait(snapshot.call);
  return futex && futex->is_shared && !futex->has_timeout && !futex->inherits ? futex->word : 0;
}

}  // namespace

std::optional<OtherThread> look_at_other_thread(int pid, int other_pid, int tid) {
  OtherThread other;
  other.pid = other_pid;
  if (!read_task(other_pid, tid, other.task)) return std::nullopt;
  other.name = read_name(thread_file(other_pid, tid, "comm"));
  other.process = read_name(process_file(other_pid, "comm"));
  const uintptr_t word = word_slept_on(other.task.snapshot);
  const auto byte = word == 0 ? std::nullopt : SharedMemory(other_pid).byte_at(word);
  if (byte) other.word = SharedMemory(pid).address_of(*byte);
  return other;
}

}  // namespace holdwatch
