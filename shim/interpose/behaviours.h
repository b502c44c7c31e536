// What a lock function does around the real call: five behaviours, written once for some forty functions.
// Hot context: straight-line code on the thread's own record; no allocation, no lock, no system call, errno untouched.
// Never reads another thread's record and never looks into a lock after it is given up.
#pragma once

#include <pthread.h>

#include <cerrno>

#include "shim/interpose/begin_watch.h"
#include "shim/record/handed_over.h"
#include "shim/record/lock_book.h"
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

// The call blocks while a wait is published already: a signal handler interrupted it. What it overwrites is put back,
// unless the published wait is a leftover from a frame that is gone (longjmp out of a handler).
template <typename Call>
[[gnu::noinline]] int acquire_in_handler_slow(ThreadRecord& record, LockWord word, const Caller& caller, Call call) {
  const ThreadRecord::SavedWait saved = record.save_wait_slow();
  record.begin_wait(word, caller, g_pulse.tick_ns.load(std::memory_order_relaxed));
  const int result = call();
  record.end_wait();
  if (saved.caller.sp > caller.sp) record.restore_wait_slow(saved);
  if (acquired(result)) record.hold(word, caller);
  return result;
}

// lock, timedlock, clocklock, rdlock, wrlock ...: may block.
template <typename Call>
[[gnu::always_inline]] inline int acquire(LockWord word, const Caller& caller, Call call) {
  ThreadRecord* record = own_record();
  if (record == nullptr) [[unlikely]]
    return call();
  const uint64_t tick_ns = g_pulse.tick_ns.load(std::memory_order_relaxed);
  if (tick_ns == 0 && looks_taken(word)) [[unlikely]]
    begin_watch_slow();
  if (record->is_waiting()) [[unlikely]]
    return acquire_in_handler_slow(*record, word, caller, call);
  record->begin_wait(word, caller, tick_ns);
  const int result = call();
  record->end_wait();
  if (acquired(result)) [[likely]]
    record->hold(word, caller);
  return result;
}

// trylock and its kin: never block. A try that fails leaves every record as it was.
template <typename Call>
[[gnu::always_inline]] inline int try_acquire(LockWord word, const Caller& caller, Call call) {
  ThreadRecord* record = own_record();
  const int result = call();
  if (record != nullptr && acquired(result)) record->hold(word, caller);
  return result;
}

// Hands an overlong hold over before it ends. A hold from before the watch began counts from the watch's beginning.
[[gnu::always_inline]] inline void note_end(ThreadRecord& record, const HeldSlot& slot, LockWord word,
                                            const Caller& caller) {
  const uint64_t age_ns =
      g_pulse.tick_ns.load(std::memory_order_relaxed) - slot.since_ns.load(std::memory_order_relaxed);
  const auto access = static_cast<size_t>(word.access());
  if (age_ns >= g_pulse.hand_over_ns[access].load(std::memory_order_relaxed)) [[unlikely]]
    hand_over_slow(record, slot, caller);
}

// The record that notes releases: also a paused thread's, lest its holds last for ever.
inline ThreadRecord* releasing_record() {
  ThreadRecord* record = current_record();
  return record != nullptr ? record : paused_record();
}

// unlock. Noted before the real call: afterwards the next holder may already have freed the lock's memory.
template <typename Call>
[[gnu::always_inline]] inline int release(const void* lock, const Caller& caller, Call call) {
  ThreadRecord* record = releasing_record();
  HeldSlot* slot = record == nullptr ? nullptr : record->find(reinterpret_cast<uintptr_t>(lock));
  // Not ours: another thread took it, or it was taken before we looked. The watcher sees from the lock that it is free.
  if (slot == nullptr) [[unlikely]]
    return call();
  const uint32_t depth = slot->depth.load(std::memory_order_relaxed);
  if (depth != 0) [[unlikely]] {
    const int result = call();
    if (result == 0) slot->depth.store(depth - 1, std::memory_order_release);
    return result;
  }
  const LockWord word(slot->word.load(std::memory_order_relaxed));
  note_end(*record, *slot, word, caller);
  record->learn_site(*slot, caller);
  record->drop(slot);
  const int result = call();
  if (result != 0) [[unlikely]]
    record->restore_slow(slot, word);
  return result;
}

// destroy and init: whatever was held there is held no more. An init of a lock that is held is how allocators reset
// their locks in the child of a fork.
template <typename Call>
inline auto forget(const void* lock, Call call) {
  const auto address = reinterpret_cast<uintptr_t>(lock);
  if (ThreadRecord* record = releasing_record(); record != nullptr)
    if (HeldSlot* slot = record->find(address); slot != nullptr) record->drop(slot);
  forget_lock(address);
  return call();
}

// What a condition wait has to put in order when it returns, or when it is cancelled: a cancelled wait takes the mutex
// again before the cleanup handlers run (POSIX), and they find it held.
struct ConditionWait {
  ThreadRecord* record;
  LockWord mutex;
  Caller caller;

  void finished(int result) const {
    record->end_wait();
    if (acquired(result) || result == ETIMEDOUT) record->hold(mutex.with_condition(), caller);
  }
  static void cancelled(void* wait) { static_cast<ConditionWait*>(wait)->finished(0); }
};

// cond_wait and its kin: the hold ends here and begins anew when the mutex is taken again.
template <typename Call>
inline int condition_wait(const void* mutex, const Caller& caller, Call call, int timed_out) {
  ThreadRecord* record = releasing_record();
  HeldSlot* slot = record == nullptr ? nullptr : record->find(reinterpret_cast<uintptr_t>(mutex));
  // Held several times (recursive): glibc gives it up once only, so that it stays held and the hold goes on.
  if (slot == nullptr || slot->depth.load(std::memory_order_relaxed) != 0) return call();
  const LockWord word(mutex, LockKind::mutex, Access::exclusive);
  note_end(*record, *slot, word, caller);
  record->learn_site(*slot, caller);
  record->drop(slot);
  ConditionWait wait{record, word, caller};
  record->begin_wait(word.with_condition(), caller, g_pulse.tick_ns.load(std::memory_order_relaxed));
  int result = 0;
  pthread_cleanup_push(&ConditionWait::cancelled, &wait);
  result = call();
  pthread_cleanup_pop(0);
  wait.finished(result == timed_out ? ETIMEDOUT : result);
  return result;
}

}  // namespace holdwatch
