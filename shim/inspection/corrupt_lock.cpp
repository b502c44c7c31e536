// See corrupt_lock.h.
#include "shim/inspection/corrupt_lock.h"

#include "shim/inspection/ownership.h"
#include "shim/inspection/stillness.h"
#include "shim/inspection/task_files.h"
#include "shim/inspection/waiting_call.h"

namespace holdwatch {
namespace {

bool is_in_call_for_readers(int tid, LockWord rwlock) {
  SyscallFile file;
  return read_syscall_file(tid, &file) == 0 && sleeps_for_readers(file, rwlock);
}

// The fields are read while the thread sleeps: it has not run from the first look at it to the last.
bool sleeps_for_missing_readers(int tid, LockWord rwlock) {
  const uint64_t switches = switches_asleep(0, tid);
  return switches != 0 && is_in_call_for_readers(tid, rwlock) && is_miscounted(rwlock) &&
         is_in_call_for_readers(tid, rwlock) && switches_asleep(0, tid) == switches;
}

// The same for a thread that waits until the word of the mutex changes to another one.
bool sleeps_for_overwritten(int tid, LockWord mutex) {
  const auto is_in_call = [&] {
    SyscallFile file;
    return read_syscall_file(tid, &file) == 0 && sleeps_for(file, mutex) && !wanted_of(file, mutex).timeout();
  };
  const uint64_t switches = switches_asleep(0, tid);
  return switches != 0 && is_in_call() && is_overwritten(mutex) && is_in_call() && switches_asleep(0, tid) == switches;
}

bool is_overwritten_under_sleepers(LockWord mutex, LockIndex& lock_index) {
  bool corrupt = false;
  if (!is_overwritten(mutex)) return false;
  lock_index.for_each_wait_for(mutex, [&](const WaitView& wait) {
    if (!corrupt && !wait.word.condition()) corrupt = sleeps_for_overwritten(wait.tid, mutex);
  });
  return corrupt;
}

}  // namespace

// The fields first: those of nearly every lock settle it, and the rest costs several files per thread.
bool is_corrupt(LockWord lock, LockIndex& lock_index) {
  if (lock.kind() == LockKind::mutex) return is_overwritten_under_sleepers(lock, lock_index);
  if (!is_miscounted(lock)) return false;
  bool corrupt = false;
  lock_index.for_each_wait_for(lock, [&](const WaitView& wait) {
    if (!corrupt && wait.word.access() == Access::exclusive) corrupt = sleeps_for_missing_readers(wait.tid, lock);
  });
  return corrupt;
}

}  // namespace holdwatch
