// What a lock function does around the real call: five behaviours, written once for some forty functions.
// Hot context: straight-line code on the thread's own record; no allocation, no lock, no system call, errno untouched.
// Never reads another thread's record and never looks into a lock after it is given up.
#pragma once

#include <pthread.h>
#include <time.h>

#include <cerrno>

#include "shim/base/lock_layout.h"
#include "shim/interpose/begin_watch.h"
#include "shim/record/handed_over.h"
#include "shim/record/lock_book.h"
#include "shim/record/stamp.h"
#include "shim/record/thread_table.h"

namespace holdwatch {

// Where the hook was called from. Must be evaluated in the hook itself: asking for the frame's address gives the hook a
// frame pointer, and above it lie the caller's rbp and the return address.
#define HOLDWATCH_CALLER (::holdwatch::caller_at(static_cast<const uintptr_t*>(__builtin_frame_address(0))))

inline Caller caller_at(const uintptr_t* frame) {
  return {frame[1], reinterpret_cast<uintptr_t>(frame + 2), frame[0]};
}

// EOWNERDEAD is an acquisition: the lock is held, its data may be inconsistent. thrd_success is 0 too.
inline bool acquired(int result) {
  return result == 0 || result == EOWNERDEAD;
}

inline ThreadRecord* own_record() {
  ThreadRecord* record = current_record();
  return record != nullptr ? record : first_record_slow();
}

// The record that notes releases: also a paused thread's, lest its holds last for ever.
inline ThreadRecord* releasing_record() {
  ThreadRecord* record = current_record();
  return record != nullptr ? record : paused_record();
}

// The real call has returned, and there is more to it than an ordinary acquisition; `slot` is null if none was left.
inline void acquired_slow(ThreadRecord& record, HeldSlot* slot, LockWord lock, int result) {
  if (slot == nullptr) {
    if (acquired(result)) record.count_unrecorded();
  } else if (acquired(result)) {
    record.hold_waited_slow(*slot, lock.as_hold());
  } else {
    record.drop(*slot);
  }
}

// The thread's first lock call, one that may begin the watch, recursion, a full block of slots, a signal handler. The caller
// comes in registers: a struct would be put on the stack by the short way too.
template <typename Call>
[[gnu::noinline, gnu::cold]] int acquire_slow(LockWord lock, uintptr_t pc, uintptr_t sp, uintptr_t bp, Call call) {
  ThreadRecord* record = own_record();
  if (record == nullptr) return call();
  if (HeldSlot* relocked = record->relocked(lock); relocked != nullptr) {
    const int result = call();
    if (result == 0) ThreadRecord::deepen(*relocked);
    return result;
  }
  if (g_pulse.tick_ns.load(std::memory_order_relaxed) == kNoWatch && looks_taken(lock)) begin_watch_slow();
  HeldSlot* slot = record->begin_wait_slow(lock, {pc, sp, bp}, stamp_slow());
  const int result = call();
  acquired_slow(*record, slot, lock, result);
  return result;
}

[[gnu::noinline]] inline int settle_slow(HeldSlot& slot, int result) {
  ThreadRecord* record = releasing_record();  // a signal handler may have paused the thread
  if (acquired(result)) {
    record->settle(slot, LockWord(slot.word.load(std::memory_order_relaxed)).as_hold());
  } else {
    record->drop(slot);
  }
  return result;
}

// lock, rdlock, wrlock ...: may block.
template <bool HasTimeout = false, typename Call>
[[gnu::always_inline]] inline int acquire(LockWord lock, const Caller& caller, Call call) {
  ThreadRecord* record = current_record();
  const uint64_t tick_ns = g_pulse.tick_ns.load(std::memory_order_relaxed);
  if (record == nullptr || !record->takes_at_once(lock) || ((tick_ns & kCallsAreFew) != 0 && is_in_use(lock)))
      [[unlikely]]
    return acquire_slow(lock, caller.pc, caller.sp, caller.bp, call);
  HeldSlot& slot = record->begin_wait(lock, caller, tick_ns);
  const int result = call();
  if (result != 0 || !ThreadRecord::hold_at_once<HasTimeout>(slot)) [[unlikely]]
    return settle_slow(slot, result);
  return 0;
}

// timedlock, clocklock ...: may block, but not for ever.
template <typename Call>
[[gnu::always_inline]] inline int acquire_timed(LockWord lock, const Caller& caller, Call call) {
  return acquire<true>(lock.with_timeout(), caller, call);
}

[[gnu::noinline]] inline int hold_slow(LockWord lock, uintptr_t pc, uintptr_t sp, uintptr_t bp, int result) {
  if (ThreadRecord* record = own_record(); record != nullptr) record->hold_slow(lock, {pc, sp, bp});
  return result;
}

// trylock and its kin: never block. A try that fails leaves every record as it was.
template <typename Call>
[[gnu::always_inline]] inline int try_acquire(LockWord lock, const Caller& caller, Call call) {
  const int result = call();
  if (!acquired(result)) return result;
  ThreadRecord* record = current_record();
  if (record == nullptr || !record->hold_new_at_once(lock, caller)) [[unlikely]]
    return hold_slow(lock, caller.pc, caller.sp, caller.bp, result);
  return result;
}

// Whether glibc's fields say that the lock is another thread's by now, and the hold was ended by somebody else long ago. The
// caller is about to unlock it, so that they are there to be read. Of readers they do not tell.
inline bool is_anothers(LockWord lock, int tid) {
  int owner = 0;
  if (lock.kind() == LockKind::mutex)
    owner = mutex_owner(*reinterpret_cast<const pthread_mutex_t*>(lock.address()));
  else if (lock.access() == Access::exclusive)
    owner = rwlock_writer(*reinterpret_cast<const pthread_rwlock_t*>(lock.address()));
  return owner != 0 && owner != tid && !was_before_fork(tid, owner);
}

// Ends the hold in `slot` with all that there is to note of it: an overlong one is handed over before. A hold from before the
// watch began counts from the watch's beginning.
inline void end_hold(ThreadRecord& record, HeldSlot& slot, const Caller& caller) {
  const LockWord lock(slot.word.load(std::memory_order_relaxed));
  // Below zero where the stamp is exact, and newer than the tick.
  const auto age_ns = static_cast<int64_t>(g_pulse.tick_ns.load(std::memory_order_relaxed) -
                                           slot.since_ns.load(std::memory_order_relaxed));
  const auto overlong_ns =
      static_cast<int64_t>(g_pulse.hand_over_ns[static_cast<size_t>(lock.access())].load(std::memory_order_relaxed));
  if (age_ns >= overlong_ns && !is_anothers(lock, record.tid.load(std::memory_order_relaxed)))
    hand_over_slow(record, slot, caller);
  record.learn_site(slot, caller);
  record.drop(slot);
}

// The unlock of what is not the newest ordinary hold. Without a slot it is not ours: another thread took it, or it was taken
// before we looked; the watcher sees from the lock that it is free.
template <typename Call>
int release_slow(const void* lock, const Caller& caller, Call call) {
  ThreadRecord* record = releasing_record();
  HeldSlot* slot = record == nullptr ? nullptr : record->find(reinterpret_cast<uintptr_t>(lock));
  if (slot == nullptr) return call();
  if (slot->depth() == 0) {
    end_hold(*record, *slot, caller);
    return call();
  }
  const int result = call();
  if (result == 0)
    slot->at_release.store(slot->at_release.load(std::memory_order_relaxed) - 1, std::memory_order_release);
  return result;
}

// unlock. Noted before the real call: afterwards the next holder may already have freed the lock's memory. The real call's
// result is not waited for: where this thread has the lock it succeeds, and where it fails (an error-checking mutex that
// another thread took over, or a child's that its parent had locked) the hold is none of this thread's any more.
template <typename Call, typename Slow>
[[gnu::always_inline]] inline int release(const void* lock, Call call, Slow slow) {
  ThreadRecord* record = current_record();
  if (record == nullptr || !record->drop_at_once(reinterpret_cast<uintptr_t>(lock))) [[unlikely]]
    return slow();
  return call();
}

// init and destroy: whatever was held there is held no more. An init of a lock that is held is how allocators reset
// their locks in the child of a fork.
template <typename Call>
inline auto forget(const void* lock, Call call) {
  const auto address = reinterpret_cast<uintptr_t>(lock);
  if (ThreadRecord* record = releasing_record(); record != nullptr)
    if (HeldSlot* slot = record->find(address); slot != nullptr) record->drop(*slot);
  forget_lock(address);
  return call();
}

// destroy, where it may be refused: a mutex that is held stays so.
template <typename Call>
inline int forget_unless_refused(const void* lock, Call call) {
  ThreadRecord* record = releasing_record();
  if (record == nullptr || record->find(reinterpret_cast<uintptr_t>(lock)) == nullptr) return forget(lock, call);
  const int result = call();
  return result != 0 ? result : forget(lock, [] { return 0; });
}

// What a condition wait has to put in order when it returns, or when it is cancelled: a cancelled wait takes the mutex
// again before the cleanup handlers run (POSIX), and they find it held.
struct ConditionWait {
  ThreadRecord* record;
  HeldSlot* slot;
  LockWord mutex;

  void finished(int result) const { acquired_slow(*record, slot, mutex, result == ETIMEDOUT ? 0 : result); }
  static void cancelled(void* wait) { static_cast<ConditionWait*>(wait)->finished(0); }
};

// glibc answers EINVAL to such a time, or clock, before it gives the mutex up: the hold goes on.
inline bool is_refused(const timespec* until, clockid_t clock = CLOCK_REALTIME) {
  constexpr long kSecondNs = 1'000'000'000;
  return until->tv_nsec < 0 || until->tv_nsec >= kSecondNs || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC);
}

// cond_wait and its kin: the hold ends here and begins anew when the mutex is taken again.
template <typename Call>
inline int condition_wait(const void* mutex, const Caller& caller, Call call, int timed_out) {
  ThreadRecord* record = releasing_record();
  HeldSlot* slot = record == nullptr ? nullptr : record->find(reinterpret_cast<uintptr_t>(mutex));
  // Held several times (recursive): glibc gives it up once only, so that it stays held and the hold goes on.
  if (slot == nullptr || slot->depth() != 0) return call();
  end_hold(*record, *slot, caller);
  const LockWord word = LockWord(mutex, LockKind::mutex, Access::exclusive).with_condition();
  const ConditionWait wait{record, record->begin_wait_slow(word, caller, stamp_slow()), word};
  int result = 0;
  pthread_cleanup_push(&ConditionWait::cancelled, const_cast<ConditionWait*>(&wait));
  result = call();
  pthread_cleanup_pop(0);
  wait.finished(result == timed_out ? ETIMEDOUT : result);
  return result;
}

}  // namespace holdwatch
