// What lock calls do with a thread's record (interpose/acquire.h, release.h), one step at a time and on any record.
#pragma once

#include "shim/record/acquire_slow.h"
#include "shim/record/owner_record.h"

namespace holdwatch {

inline bool takes_at_once(OwnerRecord& record, LockWord lock, HeldSlot*& slot) {
  if (lock.access() == Access::shared) return record.takes_at_once<LockKind::rwlock, Access::shared>(slot);
  return record.takes_at_once<LockKind::mutex, Access::exclusive>(slot);
}

inline bool hold_new_at_once(OwnerRecord& record, LockWord lock, const Caller& caller) {
  if (lock.kind() == LockKind::mutex)
    return record.hold_new_at_once<LockKind::mutex, Access::exclusive>(lock.address(), caller);
  return lock.access() == Access::shared
             ? record.hold_new_at_once<LockKind::rwlock, Access::shared>(lock.address(), caller)
             : record.hold_new_at_once<LockKind::rwlock, Access::exclusive>(lock.address(), caller);
}

inline bool drop_at_once(OwnerRecord& record, LockWord lock) {
  return lock.kind() == LockKind::mutex ? record.drop_at_once<LockKind::mutex>(lock)
                                        : record.drop_at_once<LockKind::rwlock>(lock);
}

inline void hold(OwnerRecord& record, LockWord lock, const Caller& caller = {}) {
  if (!hold_new_at_once(record, lock, caller)) hold_slow(record, lock, caller);
}

inline void drop(OwnerRecord& record, uintptr_t address) {
  HeldSlot* slot = record.find(address);
  const LockKind kind = LockWord(slot->word.load()).kind();
  if (!drop_at_once(record, {reinterpret_cast<const void*>(address), kind, Access::exclusive})) record.drop(*slot);
}

inline HeldSlot* begin_wait(OwnerRecord& record, LockWord lock, const Caller& caller = {}, uint64_t tick_ns = 1) {
  HeldSlot* slot = nullptr;
  if (!takes_at_once(record, lock, slot)) return begin_wait_slow(record, lock, caller, tick_ns);
  record.begin_wait(*slot, lock, caller, tick_ns);
  return slot;
}

// The wait is over, and the lock is had.
inline void end_wait_with_lock(OwnerRecord& record, HeldSlot& slot) {
  const LockWord lock = LockWord(slot.word.load()).without_waiting();
  if (!OwnerRecord::hold_at_once(slot)) hold_waited_slow(record, slot, lock);
}

}  // namespace holdwatch
