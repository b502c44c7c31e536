// Who waits for whom: cycles, and the chain of threads behind a waiting one.
// Pure: numbers in, numbers out. The watcher uses the same search for cycles: shim/common/waits/wait_cycles.h.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

namespace holdwatch {

// A thread waits for one lock at a time; a lock may have several holders, for all of which it waits. The end of a thread is
// like a lock that this thread holds.
class WaitGraph {
 public:
  // `holders[lock]` are the threads that hold it.
  explicit WaitGraph(std::vector<std::vector<int>> holders) : holders_(std::move(holders)) {}

  void add_wait(int tid, size_t lock) { waits_[tid] = lock; }

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
  std::vector<std::vector<int>> holders_;  // by lock
  std::map<int, size_t> waits_;            // by thread
};

}  // namespace holdwatch
