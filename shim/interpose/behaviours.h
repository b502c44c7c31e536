// What a lock function does around the real call: five behaviours, written once for some forty functions.
// Hot context: straight-line code on the thread's own record; no allocation, no lock, no system call, errno untouched.
// Never reads another thread's record, and never reads a lock after releasing it.
#pragma once

#include <pthread.h>
#include <time.h>

#include <cerrno>

#include "shim/common/glibc/lock_layout.h"
#include "shim/interpose/begin_watch.h"
#include "shim/record/acquire_slow.h"
#include "shim/record/current_record.h"
#include "shim/record/hand_over.h"
#include "shim/record/hold_levels.h"
#include "shim/record/hold_notes.h"
#include "shim/record/lock_registry.h"
#include "shim/record/owner_record.h"
#include "shim/record/stamp.h"

namespace holdwatch {

// Where the hook was called from. Must be evaluated in the hook itself, and has the same value anywhere in it. The
// value is the caller's stack pointer before the call; the return address is below it.
//
// The caller's rbp is still in the register if this code is compiled not to use it (HOLDWATCH_RBP_IS_THE_CALLERS, with
// -ffixed-rbp): a hook then sets up no frame pointer, and unwinding through it needs only the stack pointer. Otherwise
// it is where the hook's own frame pointer points.
#ifdef HOLDWATCH_RBP_IS_THE_CALLERS
#define HOLDWATCH_FRAME (static_cast<const uintptr_t*>(__builtin_dwarf_cfa()))
#else
#define HOLDWATCH_FRAME (static_cast<const uintptr_t*>(__builtin_frame_address(0)) + 2)
#endif
#define HOLDWATCH_CALLER (::holdwatch::caller_at(HOLDWATCH_FRAME))

[[gnu::always_inline]] inline uintptr_t callers_rbp(const uintptr_t* frame) {
#ifdef HOLDWATCH_RBP_IS_THE_CALLERS
  (void)frame;
  register uintptr_t rbp asm("rbp");
  asm("" : "=r"(rbp));
  return rbp;
#else
  return frame[-2];
#endif
}

[[gnu::always_inline]] inline Caller caller_at(const uintptr_t* frame) {
  return {frame[-1], reinterpret_cast<uintptr_t>(frame), callers_rbp(frame)};
}

// The argument of a lock function; kind of lock and access are known to the compiler. The lock word is computed where
// it is needed: keeping it for the rare paths would cost the usual one a register.
template <LockKind Kind, Access How>
struct Lock {
  const void* address;
  LockWord word() const { return {address, Kind, How}; }
};

// EOWNERDEAD is an acquisition: the lock is held, its data may be inconsistent. thrd_success is 0 too.
inline bool acquired(int result) {
  return result == 0 || result == EOWNERDEAD;
}

inline OwnerRecord* owner_record() {
  OwnerRecord* record = current_record();
  return record != nullptr ? record : first_record_slow();
}

// The record that notes releases: also a paused thread's, because otherwise its holds would last forever.
[[gnu::always_inline]] inline OwnerRecord* releasing_record() {
  OwnerRecord* record = current_record();
  return record != nullptr ? record : paused_record();
}

// The real call has returned, and this is not an ordinary acquisition; `slot` is null if none was left.
inline void acquired_slow(OwnerRecord& record, HeldSlot* slot, LockWord lock, int result) {
  if (slot == nullptr) {
    if (acquired(result)) record.count_unrecorded();
  } else if (acquired(result)) {
    hold_waited_slow(record, *slot, lock.as_hold());
  } else {
    record.drop(*slot);
  }
}

// Whether the calling thread owns the mutex. The caller is about to acquire it, so that its fields may be read.
template <LockKind Kind, Access How>
bool is_held_by_thread(Lock<Kind, How> lock, const OwnerRecord& record) {
  return Kind == LockKind::mutex &&
         mutex_owner(*static_cast<const pthread_mutex_t*>(lock.address)) == record.tid.load(std::memory_order_relaxed);
}

// Whether the call acquires another level of a recursive mutex that the thread holds: then it does not block.
template <LockKind Kind, Access How>
[[gnu::always_inline]] inline bool is_further_level(Lock<Kind, How> lock, const OwnerRecord& record) {
  return is_held_by_thread(lock, record) &&
         mutex_type(*static_cast<const pthread_mutex_t*>(lock.address)) == PTHREAD_MUTEX_RECURSIVE;
}

template <LockKind Kind, Access How>
uintptr_t address_of(Lock<Kind, How> lock) {
  return reinterpret_cast<uintptr_t>(lock.address);
}

template <bool HasTimeout, LockKind Kind, Access How>
LockWord wanted(Lock<Kind, How> lock) {
  return HasTimeout ? lock.word().with_timeout() : lock.word();
}

[[gnu::noinline]] inline void hold_slow(OwnerRecord& record, LockWord lock, uintptr_t pc, uintptr_t sp, uintptr_t bp) {
  hold_slow(record, lock, Caller{pc, sp, bp});
}

[[gnu::noinline]] inline void hold_again(OwnerRecord& record, LockWord lock, uintptr_t pc, uintptr_t sp, uintptr_t bp) {
  if (!record.hold_again_at_once(lock, {pc, sp, bp})) hold_slow(record, lock, pc, sp, bp);
}

[[gnu::noinline]] inline int settle_slow(HeldSlot& slot, int result) {
  OwnerRecord* record = releasing_record();  // a signal handler may have paused the thread
  if (acquired(result)) {
    settle(*record, slot, LockWord(slot.word.load(std::memory_order_relaxed)).as_hold());
  } else {
    record->drop(slot);
  }
  return result;
}

// Acquires a lock that the thread does not hold, in a slot that is ready for it.
template <bool HasTimeout, LockKind Kind, Access How, typename Call>
[[gnu::always_inline]] inline int acquire_in(HeldSlot& slot, OwnerRecord& record, Lock<Kind, How> lock,
                                             const Caller& caller, uint64_t tick_ns, Call call) {
  record.begin_wait(slot, wanted<HasTimeout>(lock), caller, tick_ns);
  const int result = call();
  if (result != 0 || !OwnerRecord::hold_at_once<HasTimeout>(slot)) [[unlikely]]
    return settle_slow(slot, result);
  return 0;
}

// Whether a call that finds the lock in use gets an exact stamp.
template <LockKind Kind, Access How>
[[gnu::always_inline]] inline bool is_stamped_exactly(Lock<Kind, How> lock, uint64_t tick_ns) {
  return (tick_ns & kCallsAreFew) != 0 && is_lock_in_use(lock.address);
}

// The thread's first lock call, one that may begin the watch, recursion, a full block of slots, a signal handler. The
// caller is passed in registers: as a struct, the fast path would have to store it on the stack as well.
template <bool HasTimeout, LockKind Kind, Access How, typename Call>
[[gnu::noinline, gnu::cold]] int acquire_slow(Lock<Kind, How> lock, uintptr_t pc, uintptr_t sp, uintptr_t bp,
                                              Call call) {
  OwnerRecord* record = owner_record();
  if (record == nullptr) return call();
  if (is_further_level(lock, *record)) {
    const int result = call();
    if (result == 0) hold_again(*record, lock.word(), pc, sp, bp);
    return result;
  }
  if (g_clock_line.tick_ns.load(std::memory_order_relaxed) == kNoWatch && looks_locked(lock.word())) begin_watch_slow();
  HeldSlot* slot = begin_wait_slow(*record, wanted<HasTimeout>(lock), {pc, sp, bp}, stamp_slow());
  const int result = call();
  acquired_slow(*record, slot, lock.word(), result);
  return result;
}

// The same for reading, also while other locks are held.
template <bool HasTimeout, LockKind Kind, Access How, typename Call>
[[gnu::noinline]] int acquire_reading_slow(Lock<Kind, How> lock, uintptr_t pc, uintptr_t sp, uintptr_t bp, Call call) {
  OwnerRecord* record = current_record();
  const uint64_t tick_ns = g_clock_line.tick_ns.load(std::memory_order_relaxed);
  HeldSlot* slot = nullptr;
  if (record == nullptr || is_stamped_exactly(lock, tick_ns) || !record->takes_over_others(address_of(lock), slot))
      [[unlikely]]
    return acquire_slow<HasTimeout>(lock, pc, sp, bp, call);
  return acquire_in<HasTimeout>(*slot, *record, lock, {pc, sp, bp}, tick_ns, call);
}

// lock, rdlock, wrlock ...: may block.
template <bool HasTimeout = false, LockKind Kind, Access How, typename Call>
[[gnu::always_inline]] inline int acquire(Lock<Kind, How> lock, const Caller& caller, Call call) {
  OwnerRecord* record = current_record();
  const uint64_t tick_ns = g_clock_line.tick_ns.load(std::memory_order_relaxed);
  HeldSlot* slot = nullptr;
  if (record == nullptr || !record->takes_at_once<Kind, How>(slot) || is_held_by_thread(lock, *record) ||
      is_stamped_exactly(lock, tick_ns)) [[unlikely]] {
    if constexpr (How == Access::shared)
      return acquire_reading_slow<HasTimeout>(lock, caller.pc, caller.sp, caller.bp, call);
    else
      return acquire_slow<HasTimeout>(lock, caller.pc, caller.sp, caller.bp, call);
  }
  return acquire_in<HasTimeout>(*slot, *record, lock, caller, tick_ns, call);
}

// timedlock, clocklock ...: may block, but not forever.
template <LockKind Kind, Access How, typename Call>
[[gnu::always_inline]] inline int acquire_timed(Lock<Kind, How> lock, const Caller& caller, Call call) {
  return acquire<true>(lock, caller, call);
}

template <LockKind Kind, Access How>
[[gnu::noinline]] inline int hold_slow(Lock<Kind, How> lock, uintptr_t pc, uintptr_t sp, uintptr_t bp, int result) {
  if (OwnerRecord* record = owner_record(); record != nullptr) hold_slow(*record, lock.word(), pc, sp, bp);
  return result;
}

// Whether the thread, which has just acquired the lock, held it before, by a recursive mutex's own count.
template <LockKind Kind, Access How>
bool has_several_levels(Lock<Kind, How> lock) {
  return Kind == LockKind::mutex && mutex_count(*static_cast<const pthread_mutex_t*>(lock.address)) > 1;
}

// trylock and the like: never block. If the attempt fails, no record changes.
template <LockKind Kind, Access How, typename Call>
[[gnu::always_inline]] inline int try_acquire(Lock<Kind, How> lock, const uintptr_t* frame, Call call) {
  const int result = call();
  if (!acquired(result)) return result;
  OwnerRecord* record = current_record();
  const Caller caller = caller_at(frame);
  if (record == nullptr || has_several_levels(lock) || !record->hold_new_at_once<Kind, How>(address_of(lock), caller))
      [[unlikely]]
    return hold_slow(lock, caller.pc, caller.sp, caller.bp, result);
  return result;
}

// Whether, by glibc's fields, the lock belongs to another thread now, because the hold was ended by another thread long
// ago. The caller is about to unlock it, so that the fields may be read. They do not show readers.
inline bool is_anothers(LockWord lock, int tid) {
  int owner = 0;
  if (lock.kind() == LockKind::mutex)
    owner = mutex_owner(*reinterpret_cast<const pthread_mutex_t*>(lock.address()));
  else if (lock.access() == Access::exclusive)
    owner = rwlock_writer(*reinterpret_cast<const pthread_rwlock_t*>(lock.address()));
  return owner != 0 && owner != tid && !was_before_fork(tid, owner);
}

// Ends the hold of `lock` whose last level is in the slot `last` and notes what is to be learnt from it; an overlong
// hold is handed over first. A hold from before the watch began counts from the watch's beginning.
inline void end_hold(OwnerRecord& record, LockWord lock, HeldSlot& first, HeldSlot& last, const Caller& caller) {
  // Negative if the stamp is exact, and newer than the tick.
  const auto age_ns = static_cast<int64_t>(g_clock_line.tick_ns.load(std::memory_order_relaxed) -
                                           first.since_ns.load(std::memory_order_relaxed));
  const auto overlong_ns = static_cast<int64_t>(
      g_clock_line.hand_over_ns[static_cast<size_t>(lock.access())].load(std::memory_order_relaxed));
  if (age_ns >= overlong_ns && !is_anothers(lock, record.tid.load(std::memory_order_relaxed)))
    hand_over_slow(record, lock, first, last, caller);
  learn_site(record, last, caller);
  record.drop(last);
  if (&first != &last) record.drop(first);
}

// The unlock of a lock that is not the newest ordinary hold. If it has no slot, it is not recorded for this thread:
// another thread acquired it, or it was acquired before we watched; the watcher sees from the lock that it is free. The
// watcher may empty the slot at any time (drop_left_over): so its word is read only once.
[[gnu::noinline]] inline void note_release_slow(OwnerRecord& record, const void* lock, uintptr_t pc, uintptr_t sp,
                                                uintptr_t bp) {
  HeldSlot* newest = record.find(reinterpret_cast<uintptr_t>(lock));
  if (newest == nullptr) return;
  const LockWord held(newest->word.load(std::memory_order_relaxed));
  HeldSlot* first = nullptr;
  if (held.is_no_hold()) return;
  if (is_last_level(record, *newest, held, &first)) return end_hold(record, held, *first, *newest, {pc, sp, bp});
  release_level(record, *newest, held, {pc, sp, bp});
}

[[gnu::noinline]] inline void note_paused_release(const void* lock, uintptr_t pc, uintptr_t sp, uintptr_t bp) {
  if (OwnerRecord* record = paused_record(); record != nullptr) note_release_slow(*record, lock, pc, sp, bp);
}

[[gnu::noinline]] inline void note_release(const void* lock, uintptr_t pc, uintptr_t sp, uintptr_t bp) {
  OwnerRecord* record = current_record();
  if (record == nullptr) [[unlikely]]
    return note_paused_release(lock, pc, sp, bp);
  HeldSlot* slot = record->droppable_near_top({lock, LockKind::mutex, Access::exclusive}, sp);
  if (slot == nullptr) return note_release_slow(*record, lock, pc, sp, bp);
  record->drop(*slot);
}

template <typename Call>
[[gnu::always_inline]] inline int release_slow(const void* lock, const Caller& caller, Call call) {
  note_release(lock, caller.pc, caller.sp, caller.bp);
  return call();
}

// unlock. Noted before the real call: afterwards the next holder may already have freed the lock's memory. The real
// call's result does not matter: if this thread holds the lock, it succeeds; if it fails (an error-checking mutex that
// another thread took over, or one in a child that its parent had locked), the hold is no longer this thread's.
template <LockKind Kind, Access How, typename Call, typename Slow>
[[gnu::always_inline]] inline int release(Lock<Kind, How> lock, Call call, Slow slow) {
  OwnerRecord* record = current_record();
  if (record == nullptr || !record->drop_at_once<Kind>(lock.word())) [[unlikely]]
    return slow();
  return call();
}

// init and destroy: the lock at this address is not held any more. Allocators call init for a held lock to reset their
// locks in the child of a fork.
template <typename Call>
inline auto forget(const void* lock, Call call) {
  const auto address = reinterpret_cast<uintptr_t>(lock);
  if (OwnerRecord* record = releasing_record(); record != nullptr)
    while (HeldSlot* slot = record->find(address)) record->drop(*slot);
  forget_lock(address);
  return call();
}

// destroy, for locks where it may fail: a mutex that is held stays held.
template <typename Call>
inline int forget_unless_refused(const void* lock, Call call) {
  OwnerRecord* record = releasing_record();
  if (record == nullptr || record->find(reinterpret_cast<uintptr_t>(lock)) == nullptr) return forget(lock, call);
  const int result = call();
  return result != 0 ? result : forget(lock, [] { return 0; });
}

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

// cond_wait and the like: the hold ends here, and a new one begins when the mutex is reacquired.
template <typename Call>
inline int condition_wait(const void* mutex, const Caller& caller, Call call, int timed_out) {
  OwnerRecord* record = releasing_record();
  HeldSlot* slot = record == nullptr ? nullptr : record->find(reinterpret_cast<uintptr_t>(mutex));
  const LockWord held(mutex, LockKind::mutex, Access::exclusive);
  HeldSlot* first = nullptr;
  // Held several times (recursive): glibc releases one level only, so that the mutex stays held and the hold continues.
  if (slot == nullptr || !is_last_level(*record, *slot, held, &first)) return call();
  end_hold(*record, held, *first, *slot, caller);
  const LockWord word = held.with_condition();
  const ConditionWait wait{record, begin_wait_slow(*record, word, caller, stamp_slow()), word};
  int result = 0;
  pthread_cleanup_push(&ConditionWait::cancelled, const_cast<ConditionWait*>(&wait));
  result = call();
  pthread_cleanup_pop(0);
  wait.finished(result == timed_out ? ETIMEDOUT : result);
  return result;
}

}  // namespace holdwatch
