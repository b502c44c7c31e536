// What a function that acquires a lock does around the real call: those that may block, with and without a timeout, and those that
// only try.
// Hot context: straight-line code on the thread's own record; no allocation, no lock, no system call, errno untouched.
#pragma once

#include <threads.h>

#include <cerrno>

#include "shim/common/glibc/lock_layout.h"
#include "shim/interpose/begin_watch.h"
#include "shim/interpose/lock_call.h"
#include "shim/record/acquire_slow.h"
#include "shim/record/hold_notes.h"
#include "shim/record/poll_note.h"
#include "shim/record/stamp.h"

namespace holdwatch {

// EOWNERDEAD is an acquisition: the lock is held, its data may be inconsistent. thrd_success is 0 too.
inline bool acquired(int result) {
  return result == 0 || result == EOWNERDEAD;
}

// By the error numbers of pthread and of C11: another thread has the lock, or has had it until the timeout.
inline bool is_in_use(int result) {
  return result == EBUSY || result == thrd_busy;
}
inline bool has_timed_out(int result) {
  return result == ETIMEDOUT || result == thrd_timedout;
}

// The thread waits no longer, but may well try again.
[[gnu::noinline, gnu::cold]] inline int drop_failed(OwnerRecord& record, HeldSlot& slot, int result) {
  const LockWord lock(slot.word.load(std::memory_order_relaxed));
  record.drop(slot);
  if (has_timed_out(result) && lock.timeout() && !lock.condition())
    note_failed_try(record, lock.as_hold(), OwnerRecord::caller_of(slot), 1);
  return result;
}

// The real call has returned, and this is not an ordinary acquisition; `slot` is null if none was left.
inline void acquired_slow(OwnerRecord& record, HeldSlot* slot, LockWord lock, int result) {
  if (slot == nullptr) {
    if (acquired(result)) record.count_unrecorded();
  } else if (acquired(result)) {
    hold_waited_slow(record, *slot, lock.as_hold());
  } else {
    drop_failed(record, *slot, result);
  }
}

// Whether the calling thread owns the mutex or stream. The caller is about to acquire it, so that its fields may be read.
template <LockKind Kind, Access How>
bool is_held_by_thread(Lock<Kind, How> lock, const OwnerRecord& record) {
  if (Kind == LockKind::stream) return static_cast<const StreamLock*>(lock.address)->owner == own_descriptor();
  return Kind == LockKind::mutex &&
         mutex_owner(*static_cast<const pthread_mutex_t*>(lock.address)) == record.tid.load(std::memory_order_relaxed);
}

// Whether the call acquires another level of a recursive mutex or a stream that the thread holds: then it does not block.
template <LockKind Kind, Access How>
[[gnu::always_inline]] inline bool is_further_level(Lock<Kind, How> lock, const OwnerRecord& record) {
  return is_held_by_thread(lock, record) &&
         (Kind == LockKind::stream ||
          mutex_type(*static_cast<const pthread_mutex_t*>(lock.address)) == PTHREAD_MUTEX_RECURSIVE);
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
  if (!acquired(result)) return drop_failed(*record, slot, result);
  settle(*record, slot, LockWord(slot.word.load(std::memory_order_relaxed)).as_hold());
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

// Whether the thread, which has just acquired the lock, held it before, by the own count of a recursive mutex or a stream.
template <LockKind Kind, Access How>
bool has_several_levels(Lock<Kind, How> lock) {
  if (Kind == LockKind::stream) return held_repeatedly(lock.word());
  return Kind == LockKind::mutex && mutex_count(*static_cast<const pthread_mutex_t*>(lock.address)) > 1;
}

// The attempt has failed.
template <LockKind Kind, Access How>
[[gnu::noinline, gnu::cold]] inline int try_failed_slow(Lock<Kind, How> lock, uintptr_t pc, uintptr_t sp, uintptr_t bp,
                                                        int result) {
  if (!is_in_use(result)) return result;
  if (OwnerRecord* record = owner_record(); record != nullptr) note_failed_try(*record, lock.word(), {pc, sp, bp}, 0);
  return result;
}

// trylock and the like: never block. If the attempt fails, no hold changes.
template <LockKind Kind, Access How, typename Call>
[[gnu::always_inline]] inline int try_acquire(Lock<Kind, How> lock, const uintptr_t* frame, Call call) {
  const int result = call();
  const Caller caller = caller_at(frame);
  if (!acquired(result)) [[unlikely]]
    return try_failed_slow(lock, caller.pc, caller.sp, caller.bp, result);
  OwnerRecord* record = current_record();
  if (record == nullptr || has_several_levels(lock) || !record->hold_new_at_once<Kind, How>(address_of(lock), caller))
      [[unlikely]]
    return hold_slow(lock, caller.pc, caller.sp, caller.bp, result);
  return result;
}

}  // namespace holdwatch
