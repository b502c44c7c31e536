// What surrounds a wait for another thread's end: a note in the thread's record.
// Hot context: straight-line code on the thread's own record; no allocation, no lock, no system call, errno untouched.
#pragma once

#include <pthread.h>

#include "shim/interpose/condition_wait.h"
#include "shim/interpose/lock_call.h"

namespace holdwatch {

// A join that is cancelled ends before the thread's cleanup handlers run.
struct JoinWait {
  OwnerRecord* record;
  uint64_t state;

  static void ended(void* wait) {
    const auto& join = *static_cast<const JoinWait*>(wait);
    join.record->join.end(join.state);
  }
};

// pthread_join and the like: notes for which thread the caller waits. A thread that has yet to make its first lock call
// gets its record here: it may be joined itself.
template <typename Call>
inline int join_thread(pthread_t thread, bool has_timeout, const Caller& caller, Call call) {
  OwnerRecord* record = owner_record();
  if (record == nullptr) return call();
  JoinWait wait{record, record->join.begin(thread, has_timeout, stamp_slow(), caller.pc, caller.sp)};
  int result = 0;
  pthread_cleanup_push(&JoinWait::ended, &wait);
  result = call();
  pthread_cleanup_pop(1);
  return result;
}

}  // namespace holdwatch
