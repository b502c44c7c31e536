// Who waits for whom: cycles, and the chain of threads behind a waiting one.
// Pure: numbers in, numbers out. The watcher uses the same searches: shim/common/waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "shim/common/waits/wait_cycles.h"
#include "shim/common/waits/wait_paths.h"

namespace holdwatch {

// A thread waits for one lock at a time; a lock may have several holders, for all of which it waits. The end of a thread is
// like a lock that this thread holds.
class WaitGraph {
 public:
  // `holders[lock]` are the threads that hold it.
  explicit WaitGraph(const std::vector<std::vector<int>>& holders);

  // One more that is held; returns its number.
  size_t add_object(const std::vector<int>& holders);

  void add_wait(int tid, size_t lock);

  // Each cycle once: every thread waits for a lock that the next one holds, the last for one that the first holds. A
  // thread that waits for itself is a cycle of one.
  std::vector<std::vector<int>> cycles() const;

  // The threads starting with a holder of `lock`, each waiting for a lock that the next one holds, up to one that does
  // not wait or is already in the chain. Of several holders, one that waits itself is followed.
  std::vector<int> chain(size_t lock) const;

  bool waits(int tid) const { return lock_waited_for(tid) != nullptr; }

  // The lock that a thread waits for, null if it waits for none.
  const size_t* lock_waited_for(int tid) const;

 private:
  struct Wait {
    int tid;
    size_t lock;
    SearchStep step;

    uint64_t lock_key() const { return lock; }
  };
  struct Hold {
    size_t lock;
    int tid;

    uint64_t lock_key() const { return lock; }
  };

  static bool is_better(const Hold&, bool waits, const Hold&, bool other_waits) { return waits && !other_waits; }

  size_t objects_ = 0;
  std::vector<Hold> holds_;  // by lock
  std::vector<Wait> waits_;  // by thread
};

}  // namespace holdwatch
