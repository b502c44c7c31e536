// The edges of the wait graph that lead through the dynamic loader's locks, which no record shows: who holds such a lock, and
// which threads of interest sleep for it.
// Cold context (watcher). While no thread waits in the loader, this takes less than a microsecond.
#pragma once

#include "shim/inspection/loader_locks.h"
#include "shim/watch/cycle_search.h"

namespace holdwatch {

class LoaderWaits {
 public:
  // Reads which locks of the loader's may be part of a cycle: those whose owner waits itself.
  LoaderWaits();

  // Adds who holds these locks, and the owners' own waits in the loader.
  void add_owners(CycleSearch& search);
  // Adds that thread's wait in the loader; false if it does not wait there.
  bool add_wait(CycleSearch& search, int tid);

  template <typename Visit>
  void for_each_owner(Visit visit) const {
    for (size_t i = 0; i < locks_.count; ++i) visit(locks_.locks[i].owner);
  }

 private:
  bool is_owner(int tid) const;
  LockWord slept_for(int tid);

  ContendedLoaderLocks locks_;
  int looks_ = 0;  // each costs a look at a thread's system call
};

}  // namespace holdwatch
