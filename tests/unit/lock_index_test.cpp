#include "shim/inspection/lock_index.h"

#include <deque>
#include <memory>
#include <vector>

#include "tests/catch.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

LockWord mutex_at(uintptr_t address) {
  return {reinterpret_cast<const void*>(address), LockKind::mutex, Access::exclusive};
}

struct LockIndexTest {
  std::unique_ptr<LockIndex> lock_index = std::make_unique<LockIndex>();
  std::deque<RecordedThread> threads;

  RecordedThread& thread() { return threads.emplace_back(); }
  std::vector<int> holders_of(uintptr_t lock) {
    std::vector<int> found;
    lock_index->for_each_hold_of(mutex_at(lock), [&](const HoldView& hold) { found.push_back(hold.tid); });
    return found;
  }
  std::vector<int> waiters_for(uintptr_t lock) {
    std::vector<int> found;
    lock_index->for_each_wait_for(mutex_at(lock), [&](const WaitView& wait) { found.push_back(wait.tid); });
    return found;
  }
};

TEST_CASE_METHOD(LockIndexTest, "one walk sees each wanted lock's holders and waiters, and of no other's") {
  RecordedThread& first = thread();
  RecordedThread& second = thread();
  hold(first.record(), mutex_at(0x1000));
  hold(first.record(), mutex_at(0x2000));
  hold(first.record(), mutex_at(0x3000));
  HeldSlot* waiting = begin_wait(second.record(), mutex_at(0x2000));
  lock_index->want(mutex_at(0x1000));
  lock_index->want(mutex_at(0x2000));
  lock_index->walk();
  CHECK(holders_of(0x1000) == std::vector{first.tid()});
  CHECK(waiters_for(0x1000).empty());
  CHECK(holders_of(0x2000) == std::vector{first.tid()});
  CHECK(waiters_for(0x2000) == std::vector{second.tid()});
  second.record().drop(*waiting);
  for (const uintptr_t lock : {0x1000u, 0x2000u, 0x3000u}) drop(first.record(), lock);
}

TEST_CASE_METHOD(LockIndexTest, "a hold that has ended since the walk is not visited") {
  RecordedThread& holder = thread();
  hold(holder.record(), mutex_at(0x1000));
  lock_index->want(mutex_at(0x1000));
  lock_index->walk();
  drop(holder.record(), 0x1000);
  CHECK(holders_of(0x1000).empty());
}

TEST_CASE_METHOD(LockIndexTest, "a lock that was not wanted, or not among so many, is found all the same") {
  RecordedThread& holder = thread();
  hold(holder.record(), mutex_at(0x1000));
  CHECK(holders_of(0x1000) == std::vector{holder.tid()});
  for (uintptr_t lock = 1; lock <= 4096; ++lock) lock_index->want(mutex_at(0x10000 + 8 * lock));
  lock_index->want(mutex_at(0x1000));
  lock_index->walk();
  CHECK(holders_of(0x1000) == std::vector{holder.tid()});
  drop(holder.record(), 0x1000);
}

TEST_CASE_METHOD(LockIndexTest, "a cleared one has seen nothing and wants nothing") {
  lock_index->want(mutex_at(0x1000));
  lock_index->clear();
  RecordedThread& holder = thread();
  hold(holder.record(), mutex_at(0x1000));
  lock_index->walk();
  CHECK(holders_of(0x1000) == std::vector{holder.tid()});  // by a walk of its own
  drop(holder.record(), 0x1000);
}

}  // namespace
}  // namespace holdwatch
