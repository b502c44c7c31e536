// Who waits for whom: cycles, and the chain of threads behind a waiting one.
// Pure: numbers in, numbers out. The watcher uses the same searches: shim/common/waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
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
  // not wait or is already in the chain.
  std::vector<int> chain(size_t lock) const;

  // Of several holders of one lock, which one is followed: one of these, and else one that waits for nobody.
  void follow_first(const std::set<int>& threads) { first_ = threads; }

  static constexpr int kNobody = 0;
  // The holder that is followed.
  int holder_on_way(size_t lock) const;

  bool waits(int tid) const { return lock_waited_for(tid) != nullptr; }

  // Calls `visit(tid, lock)` for each wait.
  template <typename Visit>
  void for_each_wait(Visit visit) const {
    for (const Wait& wait : waits_) visit(wait.tid, wait.lock);
  }

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

  size_t objects_ = 0;
  std::vector<Hold> holds_;  // by lock
  std::vector<Wait> waits_;  // by thread
  std::set<int> first_;
};

}  // namespace holdwatch
