// The edges of the wait graph that lead through other processes: a lock that we share with them is held by a thread of another
// one, which sleeps for a lock that a thread of ours holds, also one that no record shows.
// Cold context (watcher). Reads /proc of those processes, as far as the kernel allows it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/timing/timing.h"
#include "shim/watch/cycle_search.h"

namespace holdwatch {

class WaitsElsewhere {
 public:
  // A look at another process takes a millisecond; so only waits that have lasted for a moment are looked into, and not at each
  // search.
  explicit WaitsElsewhere(const Timing& timing);

  // Takes note of a wait without a timeout, by a thread of ours that holds something.
  void consider(const WaitView& wait);
  // Once all waits have been considered, and all holds added: adds who holds those locks elsewhere, and what they wait for.
  void add_edges(CycleSearch& search);

 private:
  static constexpr size_t kMax = 64;  // locks

  void follow(CycleSearch& search, LockWord lock, uint64_t waited_ns);
  bool is_known(LockWord lock) const;

  const Timing& timing_;
  bool is_due_;
  LockWord locks_[kMax];
  uint64_t waited_ns_[kMax] = {};
  size_t count_ = 0;
};

}  // namespace holdwatch
