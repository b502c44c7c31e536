#include "shim/record/owner_record.h"

#include <sys/mman.h>

#include "tests/catch.h"
#include "tests/unit/record_scene.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

TEST_CASE("a hold has its lock, its caller and the tick, and is found by the lock's address") {
  OwnerRecord record;
  const TickAt tick(4712);
  hold(record, {reinterpret_cast<const void*>(0x1000), LockKind::rwlock, Access::shared}, {0x401234, 0x7000, 0});
  const HeldSlot* slot = record.find(0x1000);
  REQUIRE(slot != nullptr);
  CHECK(word_of(*slot).address() == 0x1000);
  CHECK(word_of(*slot).kind() == LockKind::rwlock);
  CHECK(word_of(*slot).access() == Access::shared);
  CHECK(slot->since_ns == 4712);
  CHECK(slot->pc == 0x401234);
  CHECK(slot->sp == 0x7000);
  CHECK(slot->depth() == 0);
  CHECK_FALSE(record.holds_nothing());
}

TEST_CASE("a lock that was never taken is not found") {
  OwnerRecord record;
  CHECK(record.find(0x1000) == nullptr);
  hold(record, mutex_at(0x1000), kCaller);
  CHECK(record.find(0x2000) == nullptr);
}

TEST_CASE("a dropped hold is no longer found") {
  OwnerRecord record;
  hold(record, mutex_at(0x1000), kCaller);
  drop(record, 0x1000);
  CHECK(record.find(0x1000) == nullptr);
  CHECK(record.holds_nothing());
}

// A record with nothing readable before it, as the first of all records.
class RecordAfterNothing {
 public:
  RecordAfterNothing() {
    REQUIRE(pages_ != MAP_FAILED);
    REQUIRE(mprotect(pages_, kPage, PROT_NONE) == 0);
    record_ = new (static_cast<char*>(pages_) + kPage) OwnerRecord;
  }
  ~RecordAfterNothing() { munmap(pages_, 2 * kPage); }
  RecordAfterNothing(const RecordAfterNothing&) = delete;
  RecordAfterNothing& operator=(const RecordAfterNothing&) = delete;
  OwnerRecord& record() { return *record_; }

 private:
  static constexpr size_t kPage = 4096;
  void* pages_ = mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  OwnerRecord* record_ = nullptr;
};

TEST_CASE("unlocking a lock that the record does not have reads nothing outside the record") {
  RecordAfterNothing first;
  CHECK(first.record().droppable_near_top(mutex_at(0x1000), 0) == nullptr);
  hold(first.record(), mutex_at(0x2000), kCaller);
  CHECK(first.record().droppable_near_top(mutex_at(0x1000), 0) == nullptr);
}

TEST_CASE("a wait is published until it ends, and each has a number of its own") {
  OwnerRecord record;
  CHECK(record.waiting() == nullptr);
  HeldSlot* slot = begin_wait(record, mutex_at(0x1000), {0x401000, 0x7000, 0x7100}, 55);
  REQUIRE(record.waiting() == slot);
  CHECK(slot->pc == 0x401000);
  CHECK(slot->sp == 0x7000);
  CHECK(slot->bp == 0x7100);
  CHECK(slot->since_ns == 55);
  const uint64_t number = slot->number;
  CHECK(record.find(0x1000) == nullptr);  // wanted, not held
  record.drop(*slot);
  CHECK(record.waiting() == nullptr);
  CHECK(begin_wait(record, mutex_at(0x1000), kCaller, 56) == slot);
  CHECK(slot->number != number);
}

TEST_CASE("a wait whose lock is acquired becomes the hold, counted from the tick at that moment") {
  OwnerRecord record;
  HeldSlot* slot = begin_wait(record, mutex_at(0x1000), {0x401000, 0x7000, 0x7100}, 55);
  const TickAt tick(76);
  end_wait_with_lock(record, *slot);
  CHECK(record.waiting() == nullptr);
  REQUIRE(record.find(0x1000) == slot);
  CHECK(word_of(*slot) == mutex_at(0x1000));
  CHECK(slot->since_ns == 76);
}

TEST_CASE("an unlock in a handler does not end the wait for the same lock that it interrupted") {
  RecordOnArray stack(64);
  HeldSlot* interrupted = begin_wait(stack.record, mutex_at(0x1000), {0x401000, stack.at(20), 0}, 55);
  CHECK_FALSE(drop_at_once(stack.record, mutex_at(0x1000)));
  CHECK(stack.record.find(0x1000) == nullptr);
  CHECK(stack.record.waiting() == interrupted);
}

TEST_CASE("find returns the newest hold of a lock") {
  OwnerRecord record;
  RecursiveMutex mutex;
  hold(record, mutex_at(0x1000), {1, 0, 0});
  hold(record, mutex.word(), {2, 0, 0});
  hold(record, mutex_at(0x3000), {3, 0, 0});
  drop(record, 0x1000);
  mutex.lock();
  hold(record, mutex.word(), {4, 0, 0});
  drop(record, 0x3000);
  CHECK(record.find(mutex.address())->pc == 4);
}

}  // namespace
}  // namespace holdwatch
