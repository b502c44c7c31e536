// See lock_index.h.
#include "shim/inspection/lock_index.h"

namespace holdwatch {

// The entry of `address`, or the free one where it belongs. Half of the table stays free, so that a search ends soon.
LockIndex::Wanted& LockIndex::entry_of(uintptr_t address) {
  static_assert(kTable == size_t{1} << (64 - 53));
  size_t at = static_cast<size_t>((address >> 3) * 0x9E3779B97F4A7C15u >> 53);
  while (table_[at].address != 0 && table_[at].address != address) at = (at + 1) % kTable;
  return table_[at];
}

void LockIndex::clear() {
  if (wanted_ == 0) return;
  for (Wanted& wanted : table_) wanted.address = 0;
  wanted_ = 0;
  used_ = 0;
}

bool LockIndex::want(LockWord lock) {
  const uintptr_t address = lock.address();
  Wanted& entry = entry_of(address);
  if (address == 0 || wanted_ == kTable / 2 || entry.address == address) return false;
  entry = {address, kNone, kNone, true};
  ++wanted_;
  return true;
}

void LockIndex::note(LockWord lock, uint32_t record, uint32_t slot) {
  Wanted& wanted = entry_of(lock.address());
  if (wanted.address == 0 || !wanted.complete) return;
  if (used_ == kPlaces) {
    wanted.complete = false;
    return;
  }
  places_[used_] = {record, slot, kNone};
  (wanted.first == kNone ? wanted.first : places_[wanted.last].next) = used_;
  wanted.last = used_++;
}

void LockIndex::walk() {
  if (wanted_ == 0) return;
  for_each_record([&](uint32_t index, const ThreadRecord& record) {
    for_each_used_slot(record, [&](uint32_t slot, const HeldSlot&, LockWord word) {
      if (word.is_hold()) note(word, index, slot);
    });
    const HeldSlot* newest = record.waiting();
    if (newest != nullptr && record.state.load(std::memory_order_acquire) == RecordState::live)
      note(LockWord(newest->word.load(std::memory_order_acquire)), index, kWaiting);
  });
}

}  // namespace holdwatch
