// See wait_elsewhere.h.
#include "symbolizer/waits/wait_elsewhere.h"

#include "shim/common/glibc/futex_wait.h"
#include "symbolizer/activity/context.h"
#include "symbolizer/activity/restarted.h"
#include "symbolizer/unwind/process_memory.h"
#include "symbolizer/waits/kernel_wait.h"
#include "symbolizer/waits/shared_memory.h"

namespace holdwatch {

Wait kernel_wait_of(int pid, int tid, const Snapshot& snapshot) {
  if (snapshot.state != ThreadState::blocked || !snapshot.call.known) return Wait{};
  const ThreadFiles files = ThreadFiles::of(pid, tid);
  const SystemCall call = resumed_call(snapshot.call, files.text("wchan"));
  if (!waits_for_file_lock(call) && !waits_for_child(call)) return Wait{};
  ProcessMemory memory(pid);
  return read_kernel_wait(call, {files, &memory, "", {}});
}

// A mutex that inherits priority is never waited for in a cycle: the kernel refuses that.
uintptr_t shared_word_slept_on(int pid, int other_pid, const Snapshot& snapshot) {
  const auto futex = futex_wait(snapshot.call);
  if (!futex || !futex->is_shared || futex->has_timeout || futex->inherits) return 0;
  const auto byte = SharedMemory(other_pid).byte_at(futex->word);
  return byte ? SharedMemory(pid).address_of(*byte) : 0;
}

}  // namespace holdwatch
