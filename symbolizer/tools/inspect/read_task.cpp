// See read_task.h.
#include "symbolizer/tools/inspect/read_task.h"

#include "symbolizer/waits/thread_snapshot.h"

namespace holdwatch {

bool read_task(int pid, int tid, Task& out) {
  const auto look = look_at_thread(ThreadFiles::of(pid, tid));
  if (!look) return false;
  out = {tid, look->namespace_tid, look->snapshot};
  return true;
}

}  // namespace holdwatch
