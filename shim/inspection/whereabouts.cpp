// See whereabouts.h.
#include "shim/inspection/whereabouts.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
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

int parent() {
  return static_cast<int>(system_call(SYS_getppid));
}

bool is_of_parent(int tid) {
  Line<64> path;
  path << "/proc/" << parent() << "/task/" << tid;
  return system_call(SYS_faccessat, AT_FDCWD, path.c_str(), F_OK) == 0;
}

std::atomic<bool> g_forks_are_unrecorded{false};

// After a fork, the copy of the forking thread goes on where that one's stack was. The stack of a main thread grows in each
// process by itself. True also if it cannot be seen where either is.
bool may_share_stack(int main, int of_parent) {
  constexpr uintptr_t kMaxMainStack = uintptr_t{64} << 20;
  SyscallFile here, there;
  if (read_syscall_file(main, &here) != 0 || here.sp == 0) return true;
  if (read_syscall_file(parent(), of_parent, &there) != 0 || there.sp == 0) return true;
  const MemoryRange stack = mapped_around(here.sp, MappedAs::stack);
  const bool has_grown = of_parent == parent() && there.sp < stack.end && stack.end - there.sp < kMaxMainStack;
  return stack.contains(there.sp) || has_grown;
}

// Whether the owner may have become this process's main thread by a fork that was not recorded, and can still release the lock.
// If it is no thread of the parent any more, at least it was older than this process.
bool may_be_main_before_fork(int main, int owner, LockWord lock) {
  if (!g_forks_are_unrecorded.load(std::memory_order_relaxed) || compares_owner(lock) || is_zombie(main)) return false;
  return is_of_parent(owner) ? may_share_stack(main, owner) : owner < main;
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

void expect_unrecorded_forks() {
  g_forks_are_unrecorded.store(true, std::memory_order_relaxed);
}

OwnerPlace find_owner(int owner, LockWord lock, uint64_t since_ns) {
  if (calls_filtered()) return {};
  if (is_process_shared(lock) && !is_private_memory(lock.address())) return find_owner_of_shared(owner, lock, since_ns);
  const int pid = static_cast<int>(system_call(SYS_getpid));
  if (was_before_fork(pid, owner)) return {Whereabouts::here, pid, 0, owner};
  if (is_here(owner)) return {Whereabouts::here, owner};
  if (may_be_main_before_fork(pid, owner, lock)) return {Whereabouts::here, pid, 0, owner, true};
  return {is_of_parent(owner) ? Whereabouts::of_parent : Whereabouts::exited, owner};
}

}  // namespace holdwatch
