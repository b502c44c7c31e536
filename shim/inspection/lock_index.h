// Where in the records the locks of interest are held or waited for, so that many locks cost one walk over all records.
// Cold context (watcher). Fixed memory: a lock that occurs too often is looked for by a walk of its own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/record/lock_word.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"

namespace holdwatch {

class LockIndex {
 public:
  void clear();
  // Before the walk: adds a lock to look for. If there is no room, it is looked for by a walk of its own. False: it was added
  // already, or there is no room.
  bool want(LockWord lock);
  void walk();

  // Calls `visit(view)` for each place where the lock was seen and is still held, or waited for; in the records' order.
  template <typename Visit>
  void for_each_hold_of(LockWord lock, Visit visit);
  template <typename Visit>
  void for_each_wait_for(LockWord lock, Visit visit);

 private:
  static constexpr size_t kTable = 2048;  // a power of two, at most half full
  static constexpr uint32_t kPlaces = 16 * 1024;
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kWaiting = UINT32_MAX;  // instead of a slot

  struct Place {
    uint32_t record, slot, next;
  };
  struct Wanted {
    uintptr_t address;  // 0: free
    uint32_t first, last;
    bool complete;
  };

  Wanted& entry_of(uintptr_t address);
  void note(LockWord lock, uint32_t record, uint32_t slot);

  // Calls `visit(record, slot)` for the places; false if they are not all known.
  template <typename Visit>
  bool for_each_place(LockWord lock, Visit visit);

  Wanted table_[kTable] = {};
  size_t wanted_ = 0;
  Place places_[kPlaces] = {};
  uint32_t used_ = 0;
};

template <typename Visit>
bool LockIndex::for_each_place(LockWord lock, Visit visit) {
  const Wanted& wanted = entry_of(lock.address());
  if (wanted.address == 0 || !wanted.complete) return false;
  for (uint32_t at = wanted.first; at != kNone; at = places_[at].next) visit(places_[at].record, places_[at].slot);
  return true;
}

template <typename Visit>
void LockIndex::for_each_hold_of(LockWord lock, Visit visit) {
  HoldView view;
  const auto look = [&](uint32_t record, uint32_t slot) {
    if (slot != kWaiting && view_hold(record, slot, &view) && view.word.is_lock_at(lock.address())) visit(view);
  };
  if (for_each_place(lock, look)) return;
  for_each_hold(UINT64_MAX, [&](const HoldView& hold) {
    if (hold.word.is_lock_at(lock.address())) visit(hold);
  });
}

template <typename Visit>
void LockIndex::for_each_wait_for(LockWord lock, Visit visit) {
  WaitView view;
  const auto look = [&](uint32_t record, uint32_t slot) {
    if (slot == kWaiting && view_wait(record, &view) && view.word.is_lock_at(lock.address())) visit(view);
  };
  if (for_each_place(lock, look)) return;
  for_each_wait(UINT64_MAX, [&](const WaitView& wait) {
    if (wait.word.is_lock_at(lock.address())) visit(wait);
  });
}

}  // namespace holdwatch
