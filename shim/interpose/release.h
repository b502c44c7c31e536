// What a function that releases a lock, or makes another lock of it (init, destroy), does around the real call. Never reads a lock
// after releasing it.
// Hot context: straight-line code on the thread's own record; no allocation, no lock, no system call, errno untouched.
#pragma once

#include <type_traits>

#include "shim/common/glibc/lock_layout.h"
#include "shim/interpose/lock_call.h"
#include "shim/record/hand_over.h"
#include "shim/record/hold_levels.h"
#include "shim/record/hold_notes.h"
#include "shim/record/lock_registry.h"

namespace holdwatch {

inline bool is_anothers(const StreamLock& stream) {
  return stream.owner != 0 && stream.owner != own_descriptor();
}

// Whether, by glibc's fields, the lock belongs to another thread now, because the hold was ended by another thread long
// ago. The caller is about to unlock it, so that the fields may be read. They do not show readers.
inline bool is_anothers(LockWord lock, int tid) {
  int owner = 0;
  if (lock.kind() == LockKind::mutex)
    owner = mutex_owner(*reinterpret_cast<const pthread_mutex_t*>(lock.address()));
  else if (lock.kind() == LockKind::stream)
    return is_anothers(*reinterpret_cast<const StreamLock*>(lock.address()));
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

// The unlock of a lock that this thread does not hold by its record: another thread acquired it, or it was acquired before
// we watched, past our hooks, or when no slot was left. In all these cases the lock itself is locked; if it is not, no
// thread held it. The caller is about to unlock it, so that its fields may be read.
template <LockKind Kind>
[[gnu::noinline]] inline void note_unrecorded_release(const void* lock, uintptr_t pc, uintptr_t sp, uintptr_t bp) {
  if constexpr (Kind == LockKind::stream) return;  // stdio's functions take it past our hooks
  using Type = std::conditional_t<Kind == LockKind::mutex, pthread_mutex_t, pthread_rwlock_t>;
  if (is_free(*static_cast<const Type*>(lock))) note_stray_unlock_slow({lock, Kind, Access::exclusive}, {pc, sp, bp});
}

// The unlock of a lock that is not the newest ordinary hold. The watcher may empty the slot at any time (drop_left_over):
// so its word is read only once.
template <LockKind Kind>
[[gnu::noinline]] inline void note_release_slow(OwnerRecord& record, const void* lock, uintptr_t pc, uintptr_t sp,
                                                uintptr_t bp) {
  HeldSlot* newest = record.find(reinterpret_cast<uintptr_t>(lock));
  if (newest == nullptr) return note_unrecorded_release<Kind>(lock, pc, sp, bp);
  const LockWord held(newest->word.load(std::memory_order_relaxed));
  HeldSlot* first = nullptr;
  if (held.is_no_hold()) return;
  if (is_last_level(record, *newest, held, &first)) return end_hold(record, held, *first, *newest, {pc, sp, bp});
  release_level(record, *newest, held, {pc, sp, bp});
}

// In a thread that is paused, or has no record yet.
template <LockKind Kind>
[[gnu::noinline]] inline void note_release_elsewhere(const void* lock, uintptr_t pc, uintptr_t sp, uintptr_t bp) {
  if (OwnerRecord* record = paused_record(); record != nullptr)
    return note_release_slow<Kind>(*record, lock, pc, sp, bp);
  note_unrecorded_release<Kind>(lock, pc, sp, bp);
}

template <LockKind Kind>
[[gnu::noinline]] inline void note_release(const void* lock, uintptr_t pc, uintptr_t sp, uintptr_t bp) {
  OwnerRecord* record = current_record();
  if (record == nullptr) [[unlikely]]
    return note_release_elsewhere<Kind>(lock, pc, sp, bp);
  HeldSlot* slot = record->droppable_near_top({lock, LockKind::mutex, Access::exclusive}, sp);
  if (slot == nullptr) return note_release_slow<Kind>(*record, lock, pc, sp, bp);
  record->drop(*slot);
}

template <LockKind Kind, typename Call>
[[gnu::always_inline]] inline auto release_slow(const void* lock, const Caller& caller, Call call) {
  note_release<Kind>(lock, caller.pc, caller.sp, caller.bp);
  return call();
}

// unlock. Noted before the real call: afterwards the next holder may already have freed the lock's memory. The real
// call's result does not matter: if this thread holds the lock, it succeeds; if it fails (an error-checking mutex that
// another thread took over, or one in a child that its parent had locked), the hold is no longer this thread's.
template <LockKind Kind, Access How, typename Call, typename Slow>
[[gnu::always_inline]] inline auto release(Lock<Kind, How> lock, Call call, Slow slow) {
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

}  // namespace holdwatch
