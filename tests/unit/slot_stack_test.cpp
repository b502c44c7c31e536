#include "shim/record/slot_stack.h"

#include <set>

#include "shim/record/spare_memory.h"
#include "tests/catch.h"
#include "tests/unit/record_scene.h"

namespace holdwatch {
namespace {

TEST_CASE("holds may end in any order") {
  OwnerRecord record;
  for (const uintptr_t lock : {0x1000u, 0x2000u, 0x3000u}) hold(record, mutex_at(lock), kCaller);
  drop(record, 0x1000);
  hold(record, mutex_at(0x4000), kCaller);
  drop(record, 0x3000);
  CHECK(record.find(0x1000) == nullptr);
  CHECK(record.find(0x3000) == nullptr);
  REQUIRE(record.find(0x2000) != nullptr);
  REQUIRE(record.find(0x4000) != nullptr);
  CHECK(word_of(*record.find(0x2000)) == mutex_at(0x2000));
  CHECK(word_of(*record.find(0x4000)) == mutex_at(0x4000));
}

TEST_CASE("each acquisition has a number of its own") {
  OwnerRecord record;
  std::set<uint64_t> numbers;
  for (int i = 0; i < 100; ++i) {
    hold(record, mutex_at(0x1000), kCaller);
    numbers.insert(record.find(0x1000)->number);
    drop(record, 0x1000);
  }
  CHECK(numbers.size() == 100);
}

TEST_CASE("more than 256 locks held at once all have slots, those beyond are counted") {
  refill_spares(false);
  OwnerRecord record;
  for (uintptr_t lock = 1; lock <= kHeldSlots; ++lock) hold(record, mutex_at(lock * 64), kCaller);
  CHECK(record.unrecorded == 0);
  std::set<HeldSlot*> slots;
  for (uintptr_t lock = 1; lock <= kHeldSlots; ++lock) {
    HeldSlot* slot = record.find(lock * 64);
    REQUIRE(slot != nullptr);
    REQUIRE(word_of(*slot) == mutex_at(lock * 64));
    slots.insert(slot);
  }
  CHECK(slots.size() == kHeldSlots);
  hold(record, mutex_at(0x100000), kCaller);
  CHECK(record.unrecorded == 1);
}

TEST_CASE("a released overflow slot is used by the next lock") {
  refill_spares(false);
  OwnerRecord record;
  for (uintptr_t lock = 1; lock <= kHeldSlots; ++lock) hold(record, mutex_at(lock * 64), kCaller);
  HeldSlot* slot = record.find(100 * 64);
  record.drop(*slot);
  CHECK(record.find(100 * 64) == nullptr);
  hold(record, mutex_at(0x100000), kCaller);
  CHECK(record.find(0x100000) == slot);
  CHECK(record.unrecorded == 0);
}

TEST_CASE("a lock in an overflow slot is found when all inline slots are free again") {
  refill_spares(false);
  OwnerRecord record;
  for (uintptr_t lock = 1; lock <= kInlineSlots + 1; ++lock) hold(record, mutex_at(lock * 64), kCaller);
  for (uintptr_t lock = 1; lock <= kInlineSlots; ++lock) drop(record, lock * 64);
  CHECK(record.find((kInlineSlots + 1) * 64) != nullptr);
}

TEST_CASE("holds that end in the order of their beginning leave no holes behind") {
  OwnerRecord record;
  for (int round = 0; round < 100; ++round) {
    for (const uintptr_t lock : {0x1000u, 0x2000u, 0x3000u, 0x4000u}) hold(record, mutex_at(lock), kCaller);
    for (const uintptr_t lock : {0x1000u, 0x2000u, 0x3000u, 0x4000u}) drop(record, lock);
    CHECK(record.holds_nothing());
  }
  hold(record, mutex_at(0x1000), kCaller);
  CHECK(record.index_of_slot(*record.find(0x1000)) == 0);
  CHECK(record.overflow == nullptr);
}

TEST_CASE("locking along a chain, hand over hand, does not run out of slots") {
  while (take_spare(SpareKind::overflow) != nullptr) continue;
  OwnerRecord record;
  hold(record, mutex_at(0x1000), kCaller);
  for (uintptr_t lock = 0x2000; lock < 0x80000; lock += 0x1000) {
    hold(record, mutex_at(lock), kCaller);
    drop(record, lock - 0x1000);
    REQUIRE(record.find(lock) != nullptr);
    REQUIRE(record.find(lock - 0x1000) == nullptr);
  }
  CHECK(record.unrecorded == 0);
}

TEST_CASE("a lock that is acquired and released at the end of a block stays findable") {
  refill_spares(false);
  OwnerRecord record;
  for (uintptr_t lock = 1; lock <= kInlineSlots; ++lock) hold(record, mutex_at(lock * 64), kCaller);
  for (int round = 0; round < 3; ++round) {
    hold(record, mutex_at(0x9000), kCaller);
    CHECK(record.find(0x9000) != nullptr);
    drop(record, 0x9000);
    CHECK(record.find(0x9000) == nullptr);
  }
  for (uintptr_t lock = 1; lock <= kInlineSlots; ++lock) drop(record, lock * 64);
  CHECK(record.holds_nothing());
  hold(record, mutex_at(0x1000), kCaller);
  CHECK(record.find(0x1000) != nullptr);
}

TEST_CASE("a lock call in a signal handler does not change the wait that it interrupted") {
  RecordOnArray stack(64);
  OwnerRecord& record = stack.record;
  HeldSlot* interrupted = begin_wait(record, mutex_at(0x1000), {0x401000, stack.at(20), 0x7100}, 55);
  HeldSlot* inner = begin_wait(record, mutex_at(0x2000), {0x402000, stack.at(10), 0x6100}, 77);
  CHECK(record.waiting() == inner);
  end_wait_with_lock(record, *inner);
  drop(record, 0x2000);
  REQUIRE(record.waiting() == interrupted);
  CHECK(word_of(*interrupted).without_waiting() == mutex_at(0x1000));
  CHECK(interrupted->since_ns == 55);
  CHECK(interrupted->pc == 0x401000);
}

TEST_CASE("a wait that a handler has jumped out of is dropped at the next lock call from its frame or above") {
  RecordOnArray stack(64);
  begin_wait(stack.record, mutex_at(0x1000), {0x401000, stack.at(20), 0}, 55);
  hold(stack.record, mutex_at(0x2000), {0x402000, stack.at(20), 0});
  CHECK(stack.record.waiting() == nullptr);
  CHECK(stack.record.index_of_slot(*stack.record.find(0x2000)) == 0);
}

TEST_CASE("after a lock call from a higher address, the return address shows whether the interrupted call was left") {
  RecordOnArray stack(64);
  stack.words[19] = 0x401000;  // the interrupted call will return to its caller
  HeldSlot* interrupted = begin_wait(stack.record, mutex_at(0x1000), {0x401000, stack.at(20), 0}, 55);
  hold(stack.record, mutex_at(0x2000), {0x402000, stack.at(50), 0});
  CHECK(stack.record.waiting() == interrupted);
  drop(stack.record, 0x2000);
  stack.words[19] = 0x403333;
  hold(stack.record, mutex_at(0x2000), {0x402000, stack.at(50), 0});
  CHECK(stack.record.waiting() == nullptr);
}

TEST_CASE("a lock call on an alternate stack does not end the wait that it interrupted") {
  RecordOnArray stack(64);
  HeldSlot* interrupted = begin_wait(stack.record, mutex_at(0x1000), {0x401000, stack.at(20), 0}, 55);
  hold(stack.record, mutex_at(0x2000), {0x402000, stack.end() + 4096, 0});
  CHECK(stack.record.waiting() == interrupted);
}

// A lock call that was interrupted before it could publish its wait, or an unlock before it could lower the top.
HeldSlot* begin_call(OwnerRecord& record, const Caller& caller) {
  HeldSlot* slot = begin_wait(record, mutex_at(0x1000), caller, 55);
  slot->word = 0;
  return slot;
}

TEST_CASE(
    "a lock call that a handler has jumped out of before its wait was published hides no later hold, and is dropped") {
  RecordOnArray stack(64);
  stack.words[19] = 0x401000;
  begin_call(stack.record, {0x401000, stack.at(20), 0});
  hold(stack.record, mutex_at(0x2000), {0x402000, stack.at(40), 0});
  REQUIRE(stack.record.find(0x2000) != nullptr);
  CHECK(stack.record.used_limit() > stack.record.index_of_slot(*stack.record.find(0x2000)));
  drop(stack.record, 0x2000);
  stack.words[19] = 0x403333;  // other calls have been made since
  hold(stack.record, mutex_at(0x2000), {0x402000, stack.at(40), 0});
  CHECK(stack.record.index_of_slot(*stack.record.find(0x2000)) == 0);
}

TEST_CASE("lock calls that handlers have jumped out of do not fill the record") {
  while (take_spare(SpareKind::overflow) != nullptr) continue;
  RecordOnArray stack(64);
  for (int round = 0; round < 100; ++round) begin_call(stack.record, {0x401000, stack.at(20), 0});
  hold(stack.record, mutex_at(0x2000), {0x402000, stack.at(20), 0});
  CHECK(stack.record.index_of_slot(*stack.record.find(0x2000)) == 0);
  CHECK(stack.record.unrecorded == 0);
}

TEST_CASE("a lock call in a signal handler does not take the slot of the call that it interrupted") {
  RecordOnArray stack(64);
  stack.words[19] = 0x401000;
  HeldSlot* interrupted = begin_call(stack.record, {0x401000, stack.at(20), 0});
  HeldSlot* inner = begin_wait(stack.record, mutex_at(0x2000), {0x402000, stack.at(10), 0}, 77);
  CHECK(inner != interrupted);
  end_wait_with_lock(stack.record, *inner);
  drop(stack.record, 0x2000);
  interrupted->word = mutex_at(0x1000).with_waiting().bits();
  end_wait_with_lock(stack.record, *interrupted);
  CHECK(stack.record.find(0x1000) == interrupted);
  hold(stack.record, mutex_at(0x3000), {0x403000, stack.at(20), 0});
  CHECK(stack.record.find(0x1000) == interrupted);
}

TEST_CASE("a slot that was filled above the top is not taken again") {
  OwnerRecord record;
  hold(record, mutex_at(0x1000), kCaller);
  HeldSlot* slot = record.find(0x1000);
  HeldSlot* above = slot + 1;
  above->word = mutex_at(0x2000).bits();  // a handler had this slot, and gave it back to the call that it interrupted
  CHECK(record.used_limit() > record.index_of_slot(*above));
  hold(record, mutex_at(0x3000), kCaller);
  CHECK(word_of(*above) == mutex_at(0x2000));
  CHECK(record.find(0x2000) == above);
  CHECK(record.find(0x3000) == above + 1);
}

TEST_CASE("a record that is cleared for its next owner does not reuse use numbers") {
  refill_spares(false);
  OwnerRecord record;
  for (uintptr_t lock = 1; lock <= 10; ++lock) hold(record, mutex_at(lock * 64), kCaller);
  begin_wait(record, mutex_at(0x1000), kCaller, 1);
  const uint64_t last = record.slot(0)->number;
  record.clear();
  CHECK(record.holds_nothing());
  CHECK(record.waiting() == nullptr);
  for (uintptr_t lock = 1; lock <= 10; ++lock) CHECK(record.find(lock * 64) == nullptr);
  hold(record, mutex_at(0x1000), kCaller);
  CHECK(record.find(0x1000) == record.slot(0));
  CHECK(record.find(0x1000)->number > last);
  for (uintptr_t lock = 1; lock < kHeldSlots; ++lock) hold(record, mutex_at(0x10000 + lock * 64), kCaller);
  CHECK(record.unrecorded == 0);
}

}  // namespace
}  // namespace holdwatch
