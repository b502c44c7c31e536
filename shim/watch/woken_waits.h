// Condition waits that have become waits for their mutex: the thread has been woken, and somebody else holds the mutex. Its
// record shows the condition wait only.
// Cold context (watcher). Fixed memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/inspection/lock_state.h"

namespace holdwatch {

class WokenWaits {
 public:
  // Turns those among the condition waits of `state` into waits for the lock, as old as they have been seen to be. Reads the
  // system calls of at most kMaxLooks threads, and of none if the lock's own fields show no waiters.
  void count(LockState& state, uint64_t now_ns);

 private:
  static constexpr size_t kMaxLooks = 64;

  struct Seen {
    Identity wait;
    uint64_t since_ns;
  };

  uint64_t seen_since_ns(const WaitView& wait, uint64_t now_ns);

  Seen seen_[kMaxLooks] = {};  // the latest ones; a wait's identity is never used again
  size_t next_ = 0;
};

}  // namespace holdwatch
