// All holders and waiters of one lock at one moment: the records' views, checked against the lock's own fields.
// Cold context (watcher). Fixed memory; what does not fit is counted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/inspection/lock_index.h"
#include "shim/inspection/whereabouts.h"
#include "shim/record/view.h"

namespace holdwatch {

inline constexpr size_t kMaxHolders = 64;
inline constexpr size_t kMaxWaiters = 4096;

struct HolderState {
  HoldView hold;                    // of a cycle: without a lock if the thread is in it only because another joins it
  bool likely;                      // the lock's own fields could not confirm it, or that it is still the same hold
  bool waits_since_before = false;  // of a cycle: its own wait was inferred (inspection/inferred_holds)
  uint64_t waits_since_ns = 0;      // of a cycle: the tick at which its own wait began
  // Of a holder without a record of its own (inspection/inferred_holds); else unknown.
  Whereabouts where = Whereabouts::unknown;
  int pid = 0;         // elsewhere: its process, 0 if not found
  int id_in_lock = 0;  // 0: the same as here (OwnerPlace)
  bool inside_call = false;
  // Of a cycle: the thread whose end it waits for, 0 if it waits for a lock; and where that wait is noted.
  int joins = 0;
  uint32_t join_record = 0;
  uint64_t join_state = 0;

  bool holds_lock() const { return !hold.word.empty(); }
  int named() const { return id_in_lock == 0 ? hold.tid : id_in_lock; }
};

struct LockState {
  LockWord lock;
  HolderState holders[kMaxHolders];
  size_t holder_count;
  size_t holders_left_out;
  WaitView waiters[kMaxWaiters];  // condition waits among them: see WaitView::word.condition()
  size_t waiter_count;
  size_t waiters_left_out;
  size_t waiting;  // threads that wait for the lock itself
};

// Whether the lock's own fields confirm that the hold lasts, or do not show it; then `out` is its holder.
bool describe_holder(const HoldView& hold, HolderState* out);

// Fills `out` for the lock at `lock`'s address, from `lock_index` if it was added there, else by a walk of its own.
void read_lock_state(LockWord lock, LockIndex& lock_index, LockState* out);

// The same for a cycle of threads (watch/deadlocks.h): the holders are given; the waiters are all threads that wait for any of
// the cycle's locks without being part of it.
void read_cycle_state(const HolderState* holders, size_t count, LockIndex& lock_index, LockState* out);

// Of a cycle's holder: whether it is still the same hold (or thread, without a lock), and the same join.
bool still_holds(const HolderState& holder);
bool still_joins(const HolderState& holder);
// Whether each holder of a cycle still waits for what the next one holds, or for its end. Watcher and reporter.
bool cycle_lasts(const HolderState* holders, size_t count);

// How the holder acquired the lock, where a reader needs to know it.
Acquired acquired_how(const HolderState& holder);

}  // namespace holdwatch
