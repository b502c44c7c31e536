// See earlier_readers.h.
#include "shim/inspection/earlier_readers.h"

#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/task_files.h"
#include "shim/inspection/waiting_call.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

bool may_have_earlier_readers(LockWord lock) {
  return lock.kind() == LockKind::rwlock && inferred_since_attachment(lock);
}

uint32_t recorded_readers(LockWord rwlock) {
  uint32_t count = 0;
  for_each_hold(UINT64_MAX, [&](const HoldView& hold) {
    if (hold.word.is_same_lock(rwlock) && hold.word.access() == Access::shared) count += hold.levels;
  });
  return count;
}

bool sleeps_as_next_writer(const WaitView& wait) {
  SyscallFile file;
  return read_syscall_file(wait.tid, &file) == 0 && sleeps_for_readers(file, wait.word);
}

}  // namespace

bool has_only_earlier_readers(LockWord lock) {
  return may_have_earlier_readers(lock) && access_of_nameless(lock) == Access::shared && reader_count(lock) > 0 &&
         recorded_readers(lock) == 0;
}

bool is_kept_by_earlier_readers(const WaitView& wait) {
  if (!may_have_earlier_readers(wait.word) || wait.word.access() != Access::exclusive) return false;
  if (!is_inferred(wait.caller.pc)) return false;
  return access_of_nameless(wait.word) == Access::shared && reader_count(wait.word) > recorded_readers(wait.word) &&
         sleeps_as_next_writer(wait);
}

}  // namespace holdwatch
