// Storage for the waits and holds of this process, in which the watcher looks for deadlocks
// (common/waits/wait_cycles.h).
// Cold context (watcher). Pure: values in, values out, in storage of fixed size.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/waits/wait_cycles.h"
#include "shim/inspection/lock_state.h"
#include "shim/record/view.h"

namespace holdwatch {

// The end of a thread, for which those wait that join it: to the search it is a lock that the thread holds as long as it
// lives. No address of a lock is as high.
constexpr uint64_t key_of_end(int tid) {
  return uint64_t{1} << 63 | static_cast<uint32_t>(tid);
}

// Of a hold that no record shows: it gets a record if it closes a cycle (inferred_edges).
inline constexpr Identity kUnrecorded{UINT32_MAX, UINT32_MAX, 0};

// A hold that other threads may wait for, as far as the search needs it; without a lock, the thread's life.
struct CycleHold {
  LockWord lock;
  int tid;
  Identity identity;      // of a life: its record
  OwnerPlace place = {};  // if it is not recorded: where the thread is; unknown stands for here

  uint64_t lock_key() const { return lock.empty() ? key_of_end(tid) : lock.address(); }
};

// The holds of a cycle: the thread of each waits for the lock, or the end, of the next one, that of the last for the lock
// of the first. One thread that waits for itself is a cycle of one.
struct Cycle {
  CycleHold holds[kMaxHolders];
  size_t count;
};

// A thread waits for one lock, or one thread's end, at a time; a lock that is held for reading may have several holders, and its waiters wait
// for all of them. Only threads that both wait and hold can be part of a cycle: the holds of others need not be added.
class CycleSearch {
 public:
  static constexpr size_t kMaxWaits = 16 * 1024;
  static constexpr size_t kMaxHolds = 32 * 1024;

  void clear() { wait_count_ = hold_count_ = 0; }
  // All ignore their argument if there is no room.
  void add_wait(int tid, LockWord lock);
  void add_join(int tid, int joined);
  void add_hold(const CycleHold& hold);
  bool any_waits() const { return wait_count_ > 0; }
  template <typename Visit>
  void for_each_hold(Visit visit) const {
    for (size_t i = 0; i < hold_count_; ++i) visit(holds_[i]);
  }

  // Calls `visit(context, cycle)` for cycles that have no thread in common. Cycles of more than kMaxHolders threads are
  // skipped. `is_woken(tid, mutex)` is called for threads in a condition wait whose mutex is held by another thread:
  // only one that has been woken waits for it.
  void find(void (*visit)(void* context, const Cycle& cycle), void* context, bool (*is_woken)(int tid, LockWord mutex));

 private:
  struct Wait {
    int tid;
    LockWord lock;
    int joined;  // if it waits for no lock
    SearchStep step;

    uint64_t lock_key() const { return lock.empty() ? key_of_end(joined) : lock.address(); }
  };
  void sort();

  Wait waits_[kMaxWaits] = {};  // by thread
  size_t wait_count_ = 0;
  CycleHold holds_[kMaxHolds] = {};  // by lock
  size_t hold_count_ = 0;
};

}  // namespace holdwatch
