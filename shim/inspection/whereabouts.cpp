// See whereabouts.h.
#include "shim/inspection/whereabouts.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "shim/common/kernel/system_call.h"
#include "shim/common/text/text_buffer.h"
#include "shim/inspection/local_memory.h"
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

OwnerPlace find_owner_of_shared(int owner, LockWord lock, uint64_t since_ns) {
  const SharedOwner found = find_shared_owner(owner, lock.address(), since_ns);
  const bool likely = found.proof == OwnerProof::likely;
  switch (found.proof) {
    case OwnerProof::proven:
    case OwnerProof::likely:
      if (found.pid != system_call(SYS_getpid)) return {Whereabouts::elsewhere, found.tid, found.pid, owner, likely};
      return {Whereabouts::here, found.tid, 0, owner, likely};
    case OwnerProof::exited:
      return {Whereabouts::exited_elsewhere, owner};
    case OwnerProof::not_found:
      if (found.is_ambiguous || is_here(owner)) break;
      return {Whereabouts::elsewhere, owner};
  }
  return {};
}

}  // namespace

OwnerPlace find_owner(int owner, LockWord lock, uint64_t since_ns) {
  if (calls_filtered()) return {};
  if (is_process_shared(lock) && !is_private_memory(lock.address())) return find_owner_of_shared(owner, lock, since_ns);
  const int pid = static_cast<int>(system_call(SYS_getpid));
  if (was_before_fork(pid, owner)) return {Whereabouts::here, pid, 0, owner};
  if (is_here(owner)) return {Whereabouts::here, owner};
  return {is_of_parent(owner) ? Whereabouts::of_parent : Whereabouts::exited, owner};
}

}  // namespace holdwatch
