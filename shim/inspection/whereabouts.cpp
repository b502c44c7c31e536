// See whereabouts.h.
#include "shim/inspection/whereabouts.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "shim/common/kernel/system_call.h"
#include "shim/common/text/text_buffer.h"
#include "shim/inspection/other_process.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/task_files.h"
#include "shim/own_threads/seccomp_state.h"
#include "shim/record/current_record.h"

namespace holdwatch {
namespace {

// A main thread that has exited stays as long as the process does.
bool is_zombie(int tid) {
  StatusFile status;
  return read_status_file(tid, &status) == 0 && (status.state == 'Z' || status.state == 'X');
}

// Signal 0 is not delivered: the kernel only looks the thread up (tgkill(2)).
bool is_here(int tid) {
  const long pid = system_call(SYS_getpid);
  return system_call(SYS_tgkill, pid, tid, 0) != -ESRCH && !(tid == pid && is_zombie(tid));
}

bool is_of_parent(int tid) {
  Line<64> path;
  path << "/proc/" << system_call(SYS_getppid) << "/task/" << tid;
  return system_call(SYS_faccessat, AT_FDCWD, path.c_str(), F_OK) == 0;
}

}  // namespace

OwnerPlace find_owner(int owner, LockWord lock, uint64_t since_ns) {
  if (calls_filtered()) return {};
  const int pid = static_cast<int>(system_call(SYS_getpid));
  const bool is_shared = is_process_shared(lock);
  if (!is_shared && was_before_fork(pid, owner)) return {Whereabouts::here, pid};
  if (is_here(owner)) return {Whereabouts::here, owner};
  if (is_shared) {
    const int process = process_sharing(owner, lock.address(), since_ns);
    const bool has_exited = process == 0 && has_exited_elsewhere(owner, lock.address());
    return {has_exited ? Whereabouts::exited_elsewhere : Whereabouts::elsewhere, owner, process};
  }
  return {is_of_parent(owner) ? Whereabouts::of_parent : Whereabouts::exited, owner};
}

}  // namespace holdwatch
