// See process_threads.h.
#include "symbolizer/tools/top/process_threads.h"

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"

namespace holdwatch::top {
namespace {

int innermost_tid(int pid, int tid) {
  StatusFile status;
  if (!parse_status(read_text(thread_file(pid, tid, "status")), &status)) return 0;
  return status.innermost_tid == 0 ? tid : status.innermost_tid;
}

}  // namespace

bool ProcessThreads::is_in_our_namespace() {
  return innermost_tid(pid_, pid_) == pid_;
}

int ProcessThreads::id_here(int namespace_tid) {
  if (is_in_our_namespace()) return namespace_tid;
  const auto is_same = [&](int tid) { return tid != 0 && innermost_tid(pid_, tid) == namespace_tid; };
  if (const auto known = ids_.find(namespace_tid); known != ids_.end() && is_same(known->second)) return known->second;
  look_again();
  const auto known = ids_.find(namespace_tid);
  return known == ids_.end() ? 0 : known->second;
}

void ProcessThreads::look_again() {
  ids_.clear();
  for (const int tid : thread_ids(pid_)) ids_[innermost_tid(pid_, tid)] = tid;
}

}  // namespace holdwatch::top
