// The loops over all records behind for_each_hold and for_each_wait (view.h).
// Cold context. A free slot costs one load; a view is made only of what is in use.
#pragma once

#include "shim/record/thread_table.h"
#include "shim/record/view.h"

namespace holdwatch {

template <typename Visit>
uint64_t for_each_hold(uint64_t newest_ns, Visit visit) {
  uint64_t oldest_other_ns = UINT64_MAX;
  HoldView view;
  for (uint32_t index = 0, limit = record_limit(); index < limit; ++index) {
    ThreadRecord& record = *record_at(index);
    if (record.state.load(std::memory_order_acquire) == RecordState::free) continue;
    const size_t slots = record.slot_limit();
    for (uint32_t position = 0; position < slots; ++position) {
      const HeldSlot& slot = *record.slot(position);
      if (slot.word.load(std::memory_order_acquire) == 0) continue;
      const uint64_t since_ns = slot.since_ns.load(std::memory_order_relaxed);
      if (since_ns > newest_ns) {
        if (since_ns < oldest_other_ns) oldest_other_ns = since_ns;
      } else if (view_hold(index, position, &view)) {
        visit(view);
      }
    }
  }
  return oldest_other_ns;
}

template <typename Visit>
uint64_t for_each_wait(uint64_t newest_ns, Visit visit) {
  uint64_t oldest_other_ns = UINT64_MAX;
  WaitView view;
  for (uint32_t index = 0, limit = record_limit(); index < limit; ++index) {
    ThreadRecord& record = *record_at(index);
    if (record.state.load(std::memory_order_acquire) != RecordState::live) continue;
    const WaitingSlot& slot = record.waiting();
    if (slot.word.load(std::memory_order_acquire) == 0) continue;
    const uint64_t since_ns = slot.since_ns.load(std::memory_order_relaxed);
    if (since_ns > newest_ns) {
      if (since_ns < oldest_other_ns) oldest_other_ns = since_ns;
    } else if (view_wait(index, &view)) {
      visit(view);
    }
  }
  return oldest_other_ns;
}

}  // namespace holdwatch
