// What lock calls do with a thread's record (interpose/behaviours.h), one step at a time and on any record.
#pragma once

#include "shim/record/thread_record.h"

namespace holdwatch {

inline void hold(ThreadRecord& record, LockWord lock, const Caller& caller = {}) {
  if (!record.hold_new_at_once(lock, caller)) record.hold_slow(lock, caller);
}

inline void drop(ThreadRecord& record, uintptr_t address) {
  if (!record.drop_at_once(address)) record.drop(*record.find(address));
}

inline HeldSlot* begin_wait(ThreadRecord& record, LockWord lock, const Caller& caller = {}, uint64_t tick_ns = 1) {
  return record.takes_at_once(lock) ? &record.begin_wait(lock, caller, tick_ns)
                                    : record.begin_wait_slow(lock, caller, tick_ns);
}

// The wait is over, and the lock is had.
inline void end_wait_with_lock(ThreadRecord& record, HeldSlot& slot) {
  const LockWord lock = LockWord(slot.word.load()).without_waiting();
  if (!ThreadRecord::hold_at_once(slot)) record.hold_waited_slow(slot, lock);
}

}  // namespace holdwatch
