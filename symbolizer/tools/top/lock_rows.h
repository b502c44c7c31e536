// The rows of the table: one for each lock that is held or waited for, who is behind it, and in which order they are shown.
// Pure: a list in, values out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "shim/common/contract/lock_list.h"

namespace holdwatch::top {

struct Row {
  const ListedLock* lock = nullptr;         // in the list, which must outlive the row
  std::vector<const ListedHold*> holds;     // the one that keeps the others waiting comes first; empty: not known
  std::vector<const ListedWait*> waits;     // longest first
  const ListedWait* holder_wait = nullptr;  // what the first holder waits for itself
  std::optional<size_t> parent;             // the row of that lock; none for a root
  bool in_circle = false;                   // the holders wait for each other; only ListedLock::in_deadlock is proven
  uint64_t held_ns = 0;                     // by the first holder
  uint64_t longest_wait_ns = 0;
  size_t waiting = 0;    // threads that wait for this lock
  size_t behind = 0;     // threads that wait for locks whose holders wait for this one, directly or through others
  uint64_t lost_ns = 0;  // by all of them, since this lock has been in their way

  const ListedHold* holder() const { return holds.empty() ? nullptr : holds.front(); }
  bool is_over_limit() const { return holder() != nullptr && holder()->limit_ns != 0 && held_ns >= holder()->limit_ns; }
};

std::vector<Row> rows_of(const LockList& list);

// roots: each lock that nobody's wait explains, the one that has cost most first, and under it the locks whose holders wait
// for it. The others sort all rows by one value, the highest first.
enum class Order : uint8_t { roots, held, waiters, longest, lost };

struct Place {
  size_t row;
  size_t depth;  // below its root
};

std::vector<Place> places_of(const std::vector<Row>& rows, Order order);

// What the whole list says, for the line above the table.
struct Totals {
  size_t over_limit = 0;  // locks that are held longer than their limits
  size_t deadlocked = 0;  // locks of deadlocks
  size_t waiting = 0;     // threads
  uint64_t lost_ns = 0;   // by all present waits
  uint64_t limit_ns = 0;  // the smallest limit of a hold in the list; 0: none
  size_t locks_left_out = 0;
};

Totals totals_of(const LockList& list, const std::vector<Row>& rows);

}  // namespace holdwatch::top
