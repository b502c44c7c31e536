// Which threads may have an rwlock for reading.
#include "symbolizer/guards/reader_candidates.h"

#include <initializer_list>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr LockRef kLock{0x1000, LockKind::rwlock};
constexpr GuardedLock kProven{kLock, Evidence::guard, 1, 0, false};
constexpr GuardedLock kLikely{kLock, Evidence::code, 1, 0, false};
constexpr GuardedLock kConditional{kLock, Evidence::code, 1, 0, true};

// The threads that are left of those with these locks, which are numbered from 1, if the rwlock counts so many readers.
std::vector<int> left(std::initializer_list<GuardedLock> locks, uint32_t readers) {
  std::vector<ReaderCandidate> candidates;
  for (const GuardedLock& lock : locks) candidates.push_back({static_cast<int>(candidates.size()) + 1, lock});
  drop_contradicted(candidates, readers);
  std::vector<int> tids;
  for (const ReaderCandidate& one : candidates) tids.push_back(one.tid);
  return tids;
}

}  // namespace

TEST_CASE("as many readers as the lock counts are kept") {
  CHECK(left({kProven, kLikely}, 2) == std::vector{1, 2});
  CHECK(left({kProven, kLikely}, 3) == std::vector{1, 2});
}

TEST_CASE("of more readers than the lock counts, proven ones are kept, or none") {
  CHECK(left({kLikely, kProven}, 1) == std::vector{2});
  CHECK(left({kProven, kProven}, 1).empty());
}

TEST_CASE("a thread that releases the lock only on some way is no reader") {
  CHECK(left({kConditional}, 1).empty());
  CHECK(left({kConditional, kLikely}, 2) == std::vector{2});
}
