#include "shim/record/acquire_slow.h"

#include "shim/record/spare_memory.h"
#include "tests/catch.h"
#include "tests/unit/record_scene.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

TEST_CASE("a mutex that another thread has released is a new hold when it is acquired again") {
  OwnerRecord record;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  const LockWord word(&mutex, LockKind::mutex, Access::exclusive);
  pthread_mutex_lock(&mutex);
  const TickAt first(100);
  hold(record, word, kCaller);
  const HeldSlot* first_slot = record.find(address_of(&mutex));
  const uint64_t number = first_slot->number;
  const uint64_t since_ns = first_slot->since_ns;
  pthread_mutex_unlock(&mutex);  // unseen: this record does not hear of it
  pthread_mutex_lock(&mutex);
  const TickAt second(200);
  hold(record, word, kCaller);
  HeldSlot* slot = record.find(address_of(&mutex));
  CHECK((slot != first_slot || slot->number != number));
  CHECK(slot->since_ns > since_ns);
  CHECK(slot->depth() == 0);
  record.drop(*slot);
  CHECK(record.holds_nothing());
  pthread_mutex_unlock(&mutex);
}

TEST_CASE("a recursive mutex acquired again under another lock has a second slot, which is released first") {
  OwnerRecord record;
  RecursiveMutex mutex;
  hold(record, mutex.word(), {0x401000, 0, 0});
  hold(record, mutex_at(0x1000), kCaller);
  mutex.lock();
  hold(record, mutex.word(), {0x402000, 0, 0});
  HeldSlot* slot = record.find(mutex.address());
  CHECK(slot->pc == 0x402000);
  record.drop(*slot);
  slot = record.find(mutex.address());
  REQUIRE(slot != nullptr);
  CHECK(slot->pc == 0x401000);
}

TEST_CASE("an acquisition that finds no slot is counted") {
  while (take_spare(SpareKind::overflow) != nullptr) continue;
  OwnerRecord record;
  for (uintptr_t lock = 1; lock <= kInlineSlots; ++lock) hold(record, mutex_at(lock * 64), kCaller);
  CHECK(record.unrecorded == 0);
  hold(record, mutex_at(0x9000), kCaller);
  hold(record, mutex_at(0xa000), kCaller);
  CHECK(record.unrecorded == 2);
  CHECK(record.find(0x9000) == nullptr);
  CHECK(record.find(64) != nullptr);
}

TEST_CASE("a recursive mutex acquired again where the block is full releases its newer level first") {
  refill_spares(false);
  OwnerRecord record;
  for (uintptr_t lock = 1; lock <= kInlineSlots + 1; ++lock) hold(record, mutex_at(lock * 64), kCaller);
  for (uintptr_t lock = kInlineSlots + 1; lock > 0; --lock) drop(record, lock * 64);
  hold(record, mutex_at(0x100), kCaller);
  CHECK(record.index_of_slot(*record.find(0x100)) == 0);  // the block that was full has no holes left
  drop(record, 0x100);
  RecursiveMutex mutex;
  hold(record, mutex.word(), {0x401000, 0, 0});
  for (uintptr_t lock = 1; lock < kInlineSlots; ++lock) hold(record, mutex_at(lock * 64), kCaller);
  drop(record, 64);  // a hole below
  mutex.lock();
  hold(record, mutex.word(), {0x402000, 0, 0});
  CHECK(record.find(mutex.address())->pc == 0x402000);
  drop(record, mutex.address());
  CHECK(record.find(mutex.address())->pc == 0x401000);
}

}  // namespace
}  // namespace holdwatch
