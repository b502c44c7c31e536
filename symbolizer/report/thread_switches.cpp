// See thread_switches.h.
#include "symbolizer/report/thread_switches.h"

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"

namespace holdwatch {

std::optional<uint64_t> thread_switches(int tid) {
  return count_switches(read_text(current_process_thread_file(tid, "status")));
}

}  // namespace holdwatch
