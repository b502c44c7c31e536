#include "shim/record/thread_record.h"

#include <set>

#include "shim/record/spare_memory.h"
#include "tests/catch.h"
#include "tests/unit/record_scene.h"

namespace holdwatch {
namespace {

TEST_CASE("each slot has one index, by which it is found again") {
  refill_spares(false);
  OwnerRecord record;
  CHECK(record.slot_limit() == kInlineSlots);
  CHECK(record.slot(kInlineSlots) == nullptr);
  for (uintptr_t lock = 1; lock <= kHeldSlots; ++lock) hold(record, mutex_at(lock * 64), kCaller);
  CHECK(record.slot_limit() == kHeldSlots);
  std::set<uint32_t> indices;
  for (uintptr_t lock = 1; lock <= kHeldSlots; ++lock) {
    HeldSlot* slot = record.find(lock * 64);
    const uint32_t index = record.index_of_slot(*slot);
    REQUIRE(record.slot(index) == slot);
    indices.insert(index);
  }
  CHECK(indices.size() == kHeldSlots);
  CHECK(*indices.rbegin() == kHeldSlots - 1);
}

TEST_CASE("drop_use drops a hold only in the use that was seen, not a later one of the same lock") {
  OwnerRecord record;
  hold(record, mutex_at(0x1000), kCaller);
  HeldSlot* slot = record.find(0x1000);
  const LockWord seen = word_of(*slot);
  const uint64_t number = slot->number;
  drop(record, 0x1000);
  hold(record, mutex_at(0x1000), kCaller);
  REQUIRE(record.find(0x1000) == slot);
  CHECK_FALSE(record.drop_use(record.index_of_slot(*slot), seen, number));
  CHECK(word_of(*slot) == seen);
  CHECK(record.drop_use(record.index_of_slot(*slot), seen, number + 1));
  CHECK(word_of(*slot).is_hole());
  CHECK(record.find(0x1000) == nullptr);
  hold(record, mutex_at(0x2000), kCaller);
  CHECK(record.find(0x2000) == slot);  // the hole was the newest
}

TEST_CASE("a release after drop_use of the same hold leaves the record empty") {
  OwnerRecord record;
  hold(record, mutex_at(0x1000), kCaller);
  HeldSlot* slot = record.find(0x1000);
  REQUIRE(record.drop_use(record.index_of_slot(*slot), word_of(*slot), slot->number));
  CHECK_FALSE(drop_at_once(record, mutex_at(0x1000)));
  record.drop(*slot);
  CHECK(record.holds_nothing());
  hold(record, mutex_at(0x2000), kCaller);
  CHECK(record.index_of_slot(*record.find(0x2000)) == 0);
}

}  // namespace
}  // namespace holdwatch
