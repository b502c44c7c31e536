// See reader_candidates.h.
#include "symbolizer/guards/reader_candidates.h"

#include <algorithm>

namespace holdwatch {

const GuardedLock* find_lock(const std::vector<GuardedLock>& locks, const LockRef& lock) {
  const auto found = std::find_if(locks.begin(), locks.end(), [&](const GuardedLock& one) { return one.lock == lock; });
  return found == locks.end() ? nullptr : &*found;
}

uint32_t holds_of(const std::vector<ReaderCandidate>& candidates) {
  uint32_t sum = 0;
  for (const ReaderCandidate& candidate : candidates) sum += candidate.lock.times;
  return sum;
}

void drop_contradicted(std::vector<ReaderCandidate>& candidates, uint32_t readers) {
  const auto drop_if = [&](const auto& is_weak) {
    if (holds_of(candidates) > readers) std::erase_if(candidates, is_weak);
  };
  std::erase_if(candidates, [](const ReaderCandidate& one) { return one.lock.is_conditional; });
  if (holds_of(candidates) > readers) {
    for (ReaderCandidate& one : candidates) one.lock.times = is_guess(one.lock.evidence) ? 1 : one.lock.times;
  }
  drop_if([](const ReaderCandidate& one) { return is_guess(one.lock.evidence); });
  drop_if([](const ReaderCandidate&) { return true; });
}

}  // namespace holdwatch
