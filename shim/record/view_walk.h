// Walks over all records: a view of each hold, or of each wait, that is old enough.
// Cold context. An empty record costs two loads; views are made only of slots in use.
#pragma once

#include "shim/record/thread_table.h"
#include "shim/record/view.h"

namespace holdwatch {

// Calls `visit(index, record)` for all records. With thousands of threads, a walk mostly waits for memory: so the next
// records, and their first slots, are prefetched.
template <typename Visit>
void for_each_record(Visit visit) {
  constexpr uint32_t kAhead = 8;
  for (uint32_t index = 0, limit = record_limit(); index < limit; ++index) {
    if (index + kAhead < limit) {
      const auto* ahead = reinterpret_cast<const char*>(record_at(index + kAhead));
      __builtin_prefetch(ahead);
      __builtin_prefetch(ahead + kCacheLine);
    }
    visit(index, *record_at(index));
  }
}

// Calls `visit(position, slot, word)` for the slots of a record that are in use.
template <typename Visit>
void for_each_used_slot(const ThreadRecord& record, Visit visit) {
  for (uint32_t position = 0, limit = record.used_limit(); position < limit; ++position) {
    const HeldSlot* slot = record.slot(position);
    const LockWord word(slot->word.load(std::memory_order_acquire));
    if (!word.empty()) visit(position, *slot, word);
  }
}

// Calls `visit(view)` for every hold that began at tick `newest_ns` or before. Returns the tick at which the
// oldest of the newer ones began, UINT64_MAX if there is none: nothing else can become overdue before that one does.
template <typename Visit>
uint64_t for_each_hold(uint64_t newest_ns, Visit visit) {
  uint64_t oldest_other_ns = UINT64_MAX;
  HoldView view;
  for_each_record([&](uint32_t index, const ThreadRecord& record) {
    for_each_used_slot(record, [&](uint32_t position, const HeldSlot& slot, LockWord word) {
      if (!word.is_hold()) return;
      const uint64_t since_ns = slot.since_ns.load(std::memory_order_relaxed);
      if (since_ns > newest_ns) {
        if (since_ns < oldest_other_ns) oldest_other_ns = since_ns;
      } else if (view_hold(index, position, &view)) {
        visit(view);
      }
    });
  });
  return oldest_other_ns;
}

// The same for waits.
template <typename Visit>
uint64_t for_each_wait(uint64_t newest_ns, Visit visit) {
  uint64_t oldest_other_ns = UINT64_MAX;
  WaitView view;
  for_each_record([&](uint32_t index, const ThreadRecord& record) {
    const HeldSlot* newest = record.waiting();
    if (newest == nullptr || record.state.load(std::memory_order_acquire) != RecordState::live) return;
    const uint64_t since_ns = newest->since_ns.load(std::memory_order_relaxed);
    if (since_ns > newest_ns) {
      if (since_ns < oldest_other_ns) oldest_other_ns = since_ns;
    } else if (view_wait(index, &view)) {
      visit(view);
    }
  });
  return oldest_other_ns;
}

}  // namespace holdwatch
