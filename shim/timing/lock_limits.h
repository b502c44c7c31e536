// Which limit a hold or wait has: the one of its lock, if the program gave it one, or else the usual one.
// Cold context (watcher).
#pragma once

#include <algorithm>
#include <cstdint>

#include "shim/record/lock_registry.h"
#include "shim/record/lock_word.h"
#include "shim/timing/overdue.h"

namespace holdwatch {

class LockLimits {
 public:
  void set(const Limits& usual) { usual_ = usual; }

  uint64_t of(LockWord lock) const { return lock_limit_ns(lock.address(), usual_.of(lock.access())); }
  uint64_t of_waits_ns() const { return usual_.wait_ns; }
  // After which a lock that no thread can ever release is reported, once a thread waits for it.
  uint64_t if_stuck_ns(LockWord lock) const { return of(lock) != kNoLimit ? of(lock) : of_waits_ns(); }

  // What decides how often the watcher wakes up. A lock's own limit of a millisecond must not wake the process a thousand times a
  // second.
  uint64_t smallest_ns() const {
    constexpr uint64_t kSmallestOfLockNs = 100'000'000;
    return std::min(usual_.smallest_ns(), std::max(smallest_lock_limit_ns(), kSmallestOfLockNs));
  }
  // The smallest limit that any hold, or any with this access, can have; UINT64_MAX if none has one.
  uint64_t smallest_of_holds_ns() const {
    return std::min(smallest_of_holds_ns(Access::exclusive), smallest_of_holds_ns(Access::shared));
  }
  uint64_t smallest_of_holds_ns(Access access) const {
    const uint64_t usual_ns = usual_.of(access);
    return std::min(usual_ns == kNoLimit ? UINT64_MAX : usual_ns, smallest_lock_limit_ns());
  }

 private:
  Limits usual_{};
};

}  // namespace holdwatch
