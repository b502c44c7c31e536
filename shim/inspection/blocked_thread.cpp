// See blocked_thread.h.
#include "shim/inspection/blocked_thread.h"

#include <sys/syscall.h>

#include <cerrno>

#include "shim/common/glibc/lock_fields.h"
#include "shim/inspection/inference.h"
#include "shim/inspection/other_process.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/task_files.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

bool is_within(uintptr_t word, LockWord lock) {
  return word - lock.address() < size_of_lock(lock.kind());
}

// A thread that waits for a lock is in a futex call, or about to make one. A wait with a timeout that was stopped and continued
// goes on as restart_syscall, with the same arguments in its registers (signal(7)).
bool is_in_another_call(const SyscallFile& file, const WaitView& wait) {
  if (file.kind != SyscallFile::Kind::in_call || !file.call.known || file.call.number == SYS_futex) return false;
  return file.call.number != SYS_restart_syscall || !is_within(file.call.arguments[0], wait.word);
}

}  // namespace

bool view_wait_of(const HoldView& hold, WaitView* out) {
  if (view_wait(hold.identity.record, out)) return true;
  bool found = false;
  for_each_wait(UINT64_MAX, [&](const WaitView& wait) {
    if (wait.tid != hold.tid) return;
    *out = wait;
    found = true;
  });
  return found;
}

Blocked is_blocked_for(const WaitView& wait) {
  SyscallFile file;
  if (is_inferred(wait.caller.pc)) {
    const OwnerPlace place = place_of(wait.identity.record);
    if (place.where == Whereabouts::elsewhere)
      return wanted_elsewhere(place.pid, place.tid, wait.word) == wait.word ? Blocked::yes : Blocked::no;
  }
  if (has_lost_its_frame(wait)) return Blocked::no;
  const int error = read_syscall_file(wait.tid, &file);
  if (error == ENOENT || error == ESRCH) return proc_shows_us() ? Blocked::no : Blocked::unknown;
  if (error != 0) return Blocked::unknown;
  if (file.kind != SyscallFile::Kind::in_call || !file.call.known || file.call.number != SYS_futex) return Blocked::no;
  const uintptr_t word = file.call.arguments[0];
  if (wait.word.condition()) return is_taking_back(file.call, wait.word.address()) ? Blocked::yes : Blocked::no;
  // Where the kernel has refused a mutex that inherits priority (it has seen the cycle), glibc lets the thread sleep for
  // ever on a word of its own stack (nptl/pthread_mutex_lock.c).
  return is_within(word, wait.word) || inherits_priority(wait.word) ? Blocked::yes : Blocked::no;
}

bool is_taking_back(const SystemCall& call, uintptr_t mutex) {
  return call.known && call.number == SYS_futex && call.arguments[0] == mutex;
}

bool has_been_woken(int tid, LockWord mutex) {
  SyscallFile file;
  return read_syscall_file(tid, &file) == 0 && is_taking_back(file.call, mutex.address());
}

bool has_lost_its_frame(const WaitView& wait) {
  if (is_inferred(wait.caller.pc)) return false;
  uintptr_t return_address = 0;
  const uintptr_t place = wait.caller.sp - sizeof return_address;
  return read_local_memory(place, &return_address, sizeof return_address) == sizeof return_address &&
         return_address != wait.caller.pc;
}

bool has_been_left(const WaitView& wait) {
  SyscallFile file;
  if (read_syscall_file(wait.tid, &file) == 0 && is_in_another_call(file, wait)) return true;
  return has_lost_its_frame(wait);
}

}  // namespace holdwatch
