// See acquire_slow.h.
#include "shim/record/acquire_slow.h"

#include "shim/record/hold_levels.h"
#include "shim/record/hold_notes.h"

namespace holdwatch {

HeldSlot* begin_wait_slow(OwnerRecord& record, LockWord lock, const Caller& caller, uint64_t tick_ns) {
  HeldSlot* slot = record.take_slot_slow(caller.sp);
  if (slot == nullptr) return nullptr;
  OwnerRecord::fill(*slot, caller, tick_ns);
  slot->word.store(lock.with_waiting().bits(), std::memory_order_release);
  return slot;
}

void hold_waited_slow(OwnerRecord& record, HeldSlot& slot, LockWord lock) {
  const Levels before = levels_before(record, slot, lock);
  if (before.count >= kSitedLevels) {
    record.drop(slot);
    return before.newest->set_at_release(before.newest->at_release() + 1);
  }
  if (before.count != 0) slot.set_at_release(kAgain);
  settle(record, slot, lock);
  if (before.count != 0) slot.tsc.store(record.return_address_below(before.frame_sp), std::memory_order_release);
}

void hold_slow(OwnerRecord& record, LockWord lock, const Caller& caller) {
  HeldSlot* slot = record.take_slot_slow(caller.sp);
  if (slot == nullptr) return record.count_unrecorded();
  OwnerRecord::fill(*slot, caller, 0);
  hold_waited_slow(record, *slot, lock);
}

}  // namespace holdwatch
