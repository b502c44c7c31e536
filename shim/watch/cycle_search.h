// Which threads wait for each other in a cycle.
// Cold context (watcher). Pure: values in, values out, in fixed memory. The search in another process
// (symbolizer/tools/inspect/wait_graph.h) is a different one because it has no bound and may allocate.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/inspection/lock_state.h"
#include "shim/record/view.h"

namespace holdwatch {

// A hold that other threads may wait for: what the search needs of it.
struct CycleHold {
  LockWord lock;
  int tid;
  Identity identity;
};

// The holds of a cycle: the thread of each waits for the lock of the next one, that of the last for the lock of the
// first. One thread that waits for itself is a cycle of one.
struct Cycle {
  CycleHold holds[kMaxHolders];
  size_t count;
};

// A thread waits for one lock at a time; a lock that is held for reading may have several holders, for all of which its
// waiters wait. Only threads that both wait and hold can be part of a cycle: the holds of others need not be added.
class CycleSearch {
 public:
  static constexpr size_t kMaxWaits = 4096;
  static constexpr size_t kMaxHolds = 8192;

  void clear() { wait_count_ = hold_count_ = 0; }
  // Left out if there is no room.
  void add_wait(int tid, LockWord lock);
  void add_hold(const CycleHold& hold);
  bool any_waits() const { return wait_count_ > 0; }

  // Calls `visit(context, cycle)` for cycles that have no thread in common. Cycles of more than kMaxHolders threads are
  // skipped. `is_woken(tid, mutex)` is called for threads in a condition wait whose mutex is held by another thread: only
  // one that has been woken waits for it.
  void find(void (*visit)(void* context, const Cycle& cycle), void* context, bool (*is_woken)(int tid, LockWord mutex));

 private:
  enum class State : uint8_t { untried, on_way, done };
  struct Wait {
    int tid;
    LockWord lock;
    State state;
    uint32_t next_hold;  // of its lock's holds, the one to try next
    uint32_t by;         // the hold through which the path came to its thread
    uint32_t before;     // the wait before it on the path
  };

  void sort();
  uint32_t first_hold_of(LockWord lock) const;
  bool is_held(LockWord lock) const;
  Wait* wait_of(int tid);
  void follow(uint32_t start, void (*visit)(void*, const Cycle&), void* context);
  void close(uint32_t last, uint32_t closing_hold, void (*visit)(void*, const Cycle&), void* context) const;

  static constexpr uint32_t kNone = UINT32_MAX;
  Wait waits_[kMaxWaits] = {};  // by thread
  size_t wait_count_ = 0;
  CycleHold holds_[kMaxHolds] = {};  // by lock
  size_t hold_count_ = 0;
};

}  // namespace holdwatch
