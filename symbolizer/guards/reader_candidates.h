// The threads that have an rwlock for reading, as far as what their frames will release agrees with the lock's own count.
// Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "symbolizer/guards/guard_search.h"

namespace holdwatch {

struct ReaderCandidate {
  int tid;
  GuardedLock lock;
};

// The entry for a lock; null if there is none.
const GuardedLock* find_lock(const std::vector<GuardedLock>& locks, const LockRef& lock);

// How often the candidates have the lock together.
uint32_t holds_of(const std::vector<ReaderCandidate>& candidates);

// Drops those whose code releases it only on some paths: what decides may be whether they have it. If there are more than the lock
// counts, counts a likely one once, for two frames may come to the same release; then drops all that are likely only, then all.
void drop_contradicted(std::vector<ReaderCandidate>& candidates, uint32_t readers);

}  // namespace holdwatch
