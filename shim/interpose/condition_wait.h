// What a condition wait does around the real call: the hold of the mutex ends, and a new one begins when the mutex is reacquired.
// Hot context: straight-line code on the thread's own record; no allocation, no lock, no system call, errno untouched.
#pragma once

#include <pthread.h>
#include <time.h>

#include <cerrno>

#include "shim/interpose/acquire.h"
#include "shim/interpose/release.h"
#include "shim/record/learnt_enders.h"
#include "shim/record/repeated_waits.h"

namespace holdwatch {

// What a condition wait must restore when it returns or is cancelled: a cancelled wait reacquires the mutex before the
// cleanup handlers run (POSIX), so that they find it held.
struct ConditionWait {
  OwnerRecord* record;
  HeldSlot* slot;
  LockWord mutex;

  void finished(int result) const { acquired_slow(*record, slot, mutex, result == ETIMEDOUT ? 0 : result); }
  static void cancelled(void* wait) { static_cast<ConditionWait*>(wait)->finished(0); }
};

// glibc returns EINVAL for such a time or clock before it releases the mutex: the hold continues.
inline bool is_refused(const timespec* until, clockid_t clock = CLOCK_REALTIME) {
  constexpr long kSecondNs = 1'000'000'000;
  return until->tv_nsec < 0 || until->tv_nsec >= kSecondNs || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC);
}

// What pthread_cleanup_push calls. We use the oldest version of each, which every glibc still has, so that we do not
// depend on the newest. The symbols are weak because before glibc 2.34 they belong to libpthread, which we do not link
// to. If it is not loaded they are never called: there are no threads, and so no condition waits.
#if __GLIBC_PREREQ(2, 34)
#define HOLDWATCH_OLDEST(name) __asm__(".weak " #name "\n\t.symver " #name ", " #name "@GLIBC_2.3.3")
#else
#define HOLDWATCH_OLDEST(name) __asm__(".weak " #name)
#endif
HOLDWATCH_OLDEST(__pthread_register_cancel);
HOLDWATCH_OLDEST(__pthread_unregister_cancel);
HOLDWATCH_OLDEST(__pthread_unwind_next);
#undef HOLDWATCH_OLDEST

// cond_wait and the like: the hold ends here, and a new one begins when the mutex is reacquired. If the thread keeps other
// locks meanwhile, it matters who signals the condition, and whether the wait is a slice of a longer one.
template <typename Call>
inline int condition_wait(const void* condition, const void* mutex, const Caller& caller, Call call, int timed_out) {
  OwnerRecord* record = releasing_record();
  HeldSlot* slot = record == nullptr ? nullptr : record->find(reinterpret_cast<uintptr_t>(mutex));
  const LockWord held(mutex, LockKind::mutex, Access::exclusive);
  HeldSlot* first = nullptr;
  // Held several times (recursive): glibc releases one level only, so that the mutex stays held and the hold continues.
  if (slot == nullptr || !is_last_level(*record, *slot, held, &first)) return call();
  end_hold(*record, held, *first, *slot, caller);
  const bool keeps_others = !record->holds_nothing();
  if (keeps_others) {
    note_ends_of(reinterpret_cast<uintptr_t>(condition));
    note_condition_wait(*record, condition);
  }
  const LockWord word = held.with_condition();
  const ConditionWait wait{record, begin_wait_slow(*record, word, caller, stamp_slow()), word};
  int result = 0;
  pthread_cleanup_push(&ConditionWait::cancelled, const_cast<ConditionWait*>(&wait));
  result = call();
  pthread_cleanup_pop(0);
  if (keeps_others && result == timed_out) note_timeout(*record);
  wait.finished(result == timed_out ? ETIMEDOUT : result);
  return result;
}

}  // namespace holdwatch
