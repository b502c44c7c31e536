// The loops over all records behind for_each_hold and for_each_wait (view.h).
// Cold context. A record with nothing in it costs two loads; a view is made only of what is in use.
#pragma once

#include "shim/record/thread_table.h"
#include "shim/record/view.h"

namespace holdwatch {

// Calls `visit(position, slot, word)` for the slots of a record that are in use.
template <typename Visit>
void for_each_used_slot(ThreadRecord& record, Visit visit) {
  for (uint32_t position = 0, limit = record.used_limit(); position < limit; ++position) {
    const HeldSlot* slot = record.slot(position);
    const LockWord word(slot->word.load(std::memory_order_acquire));
    if (!word.empty()) visit(position, *slot, word);
  }
}

template <typename Visit>
uint64_t for_each_hold(uint64_t newest_ns, Visit visit) {
  uint64_t oldest_other_ns = UINT64_MAX;
  HoldView view;
  for (uint32_t index = 0, limit = record_limit(); index < limit; ++index) {
    for_each_used_slot(*record_at(index), [&](uint32_t position, const HeldSlot& slot, LockWord word) {
      if (!word.is_hold()) return;
      const uint64_t since_ns = slot.since_ns.load(std::memory_order_relaxed);
      if (since_ns > newest_ns) {
        if (since_ns < oldest_other_ns) oldest_other_ns = since_ns;
      } else if (view_hold(index, position, &view)) {
        visit(view);
      }
    });
  }
  return oldest_other_ns;
}

template <typename Visit>
uint64_t for_each_wait(uint64_t newest_ns, Visit visit) {
  uint64_t oldest_other_ns = UINT64_MAX;
  WaitView view;
  for (uint32_t index = 0, limit = record_limit(); index < limit; ++index) {
    ThreadRecord& record = *record_at(index);
    const HeldSlot* newest = record.waiting();
    if (newest == nullptr || record.state.load(std::memory_order_acquire) != RecordState::live) continue;
    const uint64_t since_ns = newest->since_ns.load(std::memory_order_relaxed);
    if (since_ns > newest_ns) {
      if (since_ns < oldest_other_ns) oldest_other_ns = since_ns;
    } else if (view_wait(index, &view)) {
      visit(view);
    }
  }
  return oldest_other_ns;
}

}  // namespace holdwatch
