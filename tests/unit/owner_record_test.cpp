#include "shim/record/owner_record.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "shim/base/clock.h"
#include "shim/record/call_sites.h"
#include "shim/record/hold_levels.h"
#include "shim/record/hold_notes.h"
#include "shim/record/spare_memory.h"
#include "shim/record/view.h"
#include "tests/catch.h"
#include "tests/unit/array_stack.h"
#include "tests/unit/no_site_is_known.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr Caller kCaller{0x401000, 0, 0};  // no stack that could be walked

// What lock calls do beyond the usual, while alive.
class ExtrasAre {
 public:
  explicit ExtrasAre(uint32_t extras) : before_(g_clock_line.extras.exchange(extras)) {}
  ~ExtrasAre() { g_clock_line.extras.store(before_); }
  ExtrasAre(const ExtrasAre&) = delete;
  ExtrasAre& operator=(const ExtrasAre&) = delete;

 private:
  uint32_t before_;
};

LockWord mutex_at(uintptr_t address) {
  return {reinterpret_cast<const void*>(address), LockKind::mutex, Access::exclusive};
}

LockWord word_of(const HeldSlot& slot) {
  return LockWord(slot.word.load());
}

uintptr_t address_of(const void* object) {
  return reinterpret_cast<uintptr_t>(object);
}

// A recursive mutex that is held once by the calling thread.
class RecursiveMutex {
 public:
  RecursiveMutex() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
    lock();
  }
  ~RecursiveMutex() {
    while (count_-- > 0) pthread_mutex_unlock(&mutex_);
    pthread_mutex_destroy(&mutex_);
  }
  RecursiveMutex(const RecursiveMutex&) = delete;
  RecursiveMutex& operator=(const RecursiveMutex&) = delete;

  void lock() { count_ += pthread_mutex_lock(&mutex_) == 0; }
  LockWord word() const { return {&mutex_, LockKind::mutex, Access::exclusive}; }
  uintptr_t address() const { return address_of(&mutex_); }

 private:
  pthread_mutex_t mutex_;
  int count_ = 0;
};

// A record whose thread's stack is an array that the test fills.
struct RecordOnArray : ArrayStack {
  explicit RecordOnArray(size_t size) : ArrayStack(size) {
    record.stack_end = end();
    record.stack_span = size * sizeof(uintptr_t) + 1;
  }
  // What an acquisition with the given registers notes of its callers.
  uint32_t callers(uintptr_t sp, uintptr_t pc = 0x401000) {
    hold(record, mutex_at(0x10), {pc, sp, 0});
    HeldSlot* slot = record.find(0x10);
    const uint32_t noted = slot->noted();
    record.drop(*slot);
    return noted;
  }

  OwnerRecord record;
};

bool is_copied(const HeldSlot& slot) {
  return (slot.noted() & kCopied) != 0;
}

size_t copied_size(const OwnerRecord& record, const HeldSlot& slot) {
  size_t size = 0;
  record.stack_copy(record.index_of_slot(slot), &size);
  return size;
}

TEST_CASE("a hold notes its lock, its caller and the tick, and is found by the lock's address") {
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

TEST_CASE("the unlock of what is not in an empty record reads nothing beyond it") {
  RecordAfterNothing first;
  CHECK(first.record().droppable_near_top(mutex_at(0x1000), 0) == nullptr);
  hold(first.record(), mutex_at(0x2000), kCaller);
  CHECK(first.record().droppable_near_top(mutex_at(0x1000), 0) == nullptr);
}

// How many slots the thread has for a lock.
size_t slots_of(OwnerRecord& record, uintptr_t address) {
  size_t count = 0;
  for (uint32_t index = 0; index < record.used_limit(); ++index) {
    const LockWord word = word_of(*record.slot(index));
    count += word.is_hold() && word.is_lock_at(address);
  }
  return count;
}

TEST_CASE("each level of a recursive mutex has a slot, and the first keeps the hold's identity and time") {
  OwnerRecord record;
  RecursiveMutex mutex;
  const TickAt first(100);
  hold(record, mutex.word(), kCaller);
  const HeldSlot* slot = record.find(mutex.address());
  const uint64_t number = slot->number;
  const uint64_t since_ns = slot->since_ns;
  mutex.lock();
  const TickAt second(200);
  hold(record, mutex.word(), {0x402000, 0, 0});
  HeldSlot* newest = record.find(mutex.address());
  CHECK(newest != slot);
  CHECK(newest->pc == 0x402000);
  CHECK(older_level(record, *newest, mutex.word()) == slot);
  CHECK(slot->number == number);
  CHECK(slot->since_ns == since_ns);
  CHECK(slot->pc == kCaller.pc);
}

TEST_CASE("levels without a slot are counted, and released first") {
  refill_spares(false);
  OwnerRecord record;
  RecursiveMutex mutex;
  hold(record, mutex.word(), kCaller);
  for (size_t level = 1; level < kSitedLevels + 3; ++level) {
    mutex.lock();
    hold(record, mutex.word(), {0x402000 + level, 0, 0});
  }
  CHECK(slots_of(record, mutex.address()) == kSitedLevels);
  HeldSlot* newest = record.find(mutex.address());
  CHECK(newest->depth() == 3);
  for (int i = 0; i < 3; ++i) release_level(record, *newest, mutex.word(), {0x403000, 0x7000, 0});
  CHECK(newest->depth() == 0);
  CHECK(slots_of(record, mutex.address()) == kSitedLevels);
  release_level(record, *newest, mutex.word(), {0x403000, 0x7000, 0});
  CHECK(slots_of(record, mutex.address()) == kSitedLevels - 1);
}

TEST_CASE("a read lock taken again by its thread has a slot for each time") {
  OwnerRecord record;
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  const LockWord word(&rwlock, LockKind::rwlock, Access::shared);
  for (int i = 0; i < 3; ++i) {
    pthread_rwlock_rdlock(&rwlock);
    hold(record, word, kCaller);
  }
  CHECK(slots_of(record, address_of(&rwlock)) == 3);
  HeldSlot* first = nullptr;
  CHECK_FALSE(is_last_level(record, *record.find(address_of(&rwlock)), word, &first));
  for (int i = 0; i < 3; ++i) pthread_rwlock_unlock(&rwlock);
}

// A recursive mutex with a level in each of the frames, outermost first, whose lock calls have these stack pointers.
struct LevelsOnArray : RecordOnArray {
  explicit LevelsOnArray(std::initializer_list<size_t> places) : RecordOnArray(64) {
    for (const size_t place : places) {
      if (++count > 1) mutex.lock();
      hold(record, mutex.word(), {0x401000 + place, at(place), 0});
    }
  }
  // Whose level an unlock from the place gives up: the place of its lock call.
  void unlock(size_t place, uintptr_t pc = 0x409999) {
    release_level(record, *record.find(mutex.address()), mutex.word(), {pc, at(place), 0});
  }
  bool has_level(size_t place) {
    for (uint32_t index = 0; index < record.used_limit(); ++index) {
      const HeldSlot& slot = *record.slot(index);
      if (word_of(slot).is_hold() && slot.pc == 0x401000 + place && !slot.is_released()) return true;
    }
    return false;
  }

  RecursiveMutex mutex;
  int count = 0;
};

TEST_CASE_METHOD(NoSiteIsKnown, "an unlock gives up the level that its own frame has taken") {
  LevelsOnArray levels({50, 40, 30});
  SECTION("the newest") {
    levels.unlock(30);
    CHECK_FALSE(levels.has_level(30));
  }
  SECTION("one between, above which another was leaked") {
    levels.unlock(40);
    CHECK_FALSE(levels.has_level(40));
    CHECK(levels.has_level(30));
  }
  SECTION("the first, whose slot stays for the hold's sake") {
    const HeldSlot* first = levels.record.slot(0);
    levels.unlock(50);
    CHECK(first->is_released());
    CHECK(word_of(*first) == levels.mutex.word());
    CHECK(levels.record.level_left(*first)->pc == 0x401000 + 40);
    levels.unlock(40);
    CHECK(levels.record.level_left(*first)->pc == 0x401000 + 30);
    HeldSlot* began = nullptr;
    REQUIRE(is_last_level(levels.record, *levels.record.find(levels.mutex.address()), levels.mutex.word(), &began));
    CHECK(began == first);
  }
  SECTION("the newest, where no frame fits: a helper took it") {
    levels.unlock(36);
    CHECK_FALSE(levels.has_level(30));
  }
}

TEST_CASE_METHOD(NoSiteIsKnown, "an unlock that became a jump gives up the level of the function that it ended") {
  LevelsOnArray levels({50});
  levels.words[49] = 0x405555;  // the frame at 50 calls a function, which takes the lock again
  levels.mutex.lock();
  hold(levels.record, levels.mutex.word(), {0x401000 + 40, levels.at(40), 0});
  SECTION("it returns to where the function would have") {
    levels.unlock(50, 0x405555);
    CHECK(levels.has_level(50));
    CHECK_FALSE(levels.has_level(40));
  }
  SECTION("a call from the frame itself returns elsewhere") {
    levels.unlock(50, 0x405599);
    CHECK_FALSE(levels.has_level(50));
    CHECK(levels.has_level(40));
  }
}

TEST_CASE_METHOD(NoSiteIsKnown, "lock and unlock in wrappers of their own need not have the same stack pointer") {
  for (const size_t place : {50u, 40u}) note_site(0x401000 + place, SiteKind::returns);
  LevelsOnArray levels({50, 40});
  levels.unlock(52);
  CHECK(levels.has_level(40));
  CHECK_FALSE(levels.has_level(50));
}

TEST_CASE("a mutex that another thread gave up, taken again, is a new hold") {
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

TEST_CASE("mutexes that the thread takes by turns and others give up do not fill its record") {
  while (take_spare(SpareKind::overflow) != nullptr) continue;
  OwnerRecord record;
  pthread_mutex_t mutexes[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
  for (int round = 0; round < 1'000; ++round) {
    pthread_mutex_t& mutex = mutexes[round % 2];
    pthread_mutex_lock(&mutex);
    hold(record, {&mutex, LockKind::mutex, Access::exclusive}, kCaller);
    REQUIRE(record.find(address_of(&mutex)) != nullptr);
    pthread_mutex_unlock(&mutex);  // unseen: this record does not hear of it
  }
  CHECK(record.unrecorded == 0);
}

TEST_CASE("a recursive mutex taken again under another lock has a second slot, which ends first") {
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

TEST_CASE("hand over hand along a chain of locks, the slots suffice") {
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

TEST_CASE("a recursive mutex taken again where the block is full ends its newer hold first") {
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

TEST_CASE_METHOD(NoSiteIsKnown,
                 "a hold from a site with few holds is dated by the clock, one from a trusted site by the tick") {
  RecordOnArray stack(64);
  const auto stamp = [&] {
    hold(stack.record, mutex_at(0x1000), {0x401000, stack.at(20), 0});
    const uint64_t since_ns = stack.record.find(0x1000)->since_ns;
    stack.record.drop(*stack.record.find(0x1000));
    return since_ns;
  };
  {
    const TickAt before_the_watch(kNoWatch);
    CHECK(stamp() == kNoWatch);
  }
  const TickAt tick(4000);
  const uint64_t before_ns = monotonic_ns();
  const uint64_t exact = stamp();
  CHECK((exact & kStampBits) == kExact);
  CHECK((exact | kStampBits) >= before_ns);
  note_that_site_stays(0x401000);
  CHECK(stamp() == 4000);
}

TEST_CASE("where calls are few a hold is counted from the very moment") {
  OwnerRecord record;
  const TickAt tick(4000 | kCallsAreFew);
  g_clock_line.settled_ns = 0;
  HeldSlot* slot = begin_wait(record, mutex_at(0x1000), {0x401000, 0x7000, 0x7100}, 4000 | kCallsAreFew);
  const uint64_t before_ns = monotonic_ns();
  end_wait_with_lock(record, *slot);
  CHECK(word_of(*slot) == mutex_at(0x1000));
  CHECK((slot->since_ns & kStampBits) == kExact);
  CHECK((slot->since_ns | kStampBits) >= before_ns);
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

TEST_CASE("a signal handler's lock call leaves the wait that it interrupted as it is") {
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

TEST_CASE("a wait that a handler has left for good is dropped at the next lock call from its frame or above") {
  RecordOnArray stack(64);
  begin_wait(stack.record, mutex_at(0x1000), {0x401000, stack.at(20), 0}, 55);
  hold(stack.record, mutex_at(0x2000), {0x402000, stack.at(20), 0});
  CHECK(stack.record.waiting() == nullptr);
  CHECK(stack.record.index_of_slot(*stack.record.find(0x2000)) == 0);
}

TEST_CASE(
    "a lock call from a higher address may come from a handler on an alternate stack: the return address decides") {
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

TEST_CASE("a lock call on an alternate stack elsewhere is a handler's") {
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

TEST_CASE("a lock call that a handler left before it published anything hides no later hold, and is dropped") {
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

TEST_CASE("lock calls that handlers leave again and again do not fill the record") {
  while (take_spare(SpareKind::overflow) != nullptr) continue;
  RecordOnArray stack(64);
  for (int round = 0; round < 100; ++round) begin_call(stack.record, {0x401000, stack.at(20), 0});
  hold(stack.record, mutex_at(0x2000), {0x402000, stack.at(20), 0});
  CHECK(stack.record.index_of_slot(*stack.record.find(0x2000)) == 0);
  CHECK(stack.record.unrecorded == 0);
}

TEST_CASE("a signal handler's lock call leaves the call that it interrupted its slot") {
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

TEST_CASE("an unlock in a handler does not end the wait for the same lock that it interrupted") {
  RecordOnArray stack(64);
  HeldSlot* interrupted = begin_wait(stack.record, mutex_at(0x1000), {0x401000, stack.at(20), 0}, 55);
  CHECK_FALSE(drop_at_once(stack.record, mutex_at(0x1000)));
  CHECK(stack.record.find(0x1000) == nullptr);
  CHECK(stack.record.waiting() == interrupted);
}

TEST_CASE("a record that is emptied for its next owner goes on counting") {
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

TEST_CASE_METHOD(NoSiteIsKnown,
                 "the callers are noted where it is not known that the frame stays, on the own stack only") {
  RecordOnArray stack(64);
  CHECK(stack.callers(stack.at(0)) == kNotedWords << kWordsShift);
  stack.record.stack_span = 16 * sizeof(uintptr_t);
  CHECK(stack.callers(stack.at(32)) == 0);  // sp further down than the stack reaches
  stack.record.stack_span = 64 * sizeof(uintptr_t) + 1;
  stack.record.stack_end = stack.at(24);
  CHECK(stack.callers(stack.at(32)) == 0);  // sp above it
  stack.record.stack_end = stack.end();
  note_site(0x401000, SiteKind::returns);
  CHECK(stack.callers(stack.at(0)) == kNotedWords << kWordsShift);
  note_that_site_stays(0x402000);
  CHECK(stack.callers(stack.at(0), 0x402000) == 0);
}

// Takes and gives up a lock at a site of which one more such hold decides; `change` is what happens to the stack in between.
template <typename Change>
SiteKind learnt(RecordOnArray& stack, uintptr_t pc, uintptr_t unlock_sp, Change change, uintptr_t bp = 0) {
  if (site_of(pc).kind == SiteKind::unseen) note_that_site_stays(pc, kTrustedAfter - 1);
  hold(stack.record, mutex_at(0x10), {pc, stack.at(4), bp});
  change();
  HeldSlot* slot = stack.record.find(0x10);
  learn_site(stack.record, *slot, {0x409999, unlock_sp, 0});
  stack.record.drop(*slot);
  return site_of(pc).kind;
}

TEST_CASE_METHOD(NoSiteIsKnown, "the unlock shows whether the frame that locked is still there") {
  RecordOnArray stack(64);
  stack.words[7] = 0x405555;
  stack.words[9] = 17;
  stack.words[11] = stack.at(20);
  const auto nothing = [] {};
  CHECK(learnt(stack, 1, stack.at(4), nothing) == SiteKind::stays);
  CHECK(learnt(stack, 2, stack.at(2), nothing) == SiteKind::stays);    // by a destructor that is called
  CHECK(learnt(stack, 3, stack.at(6), nothing) == SiteKind::returns);  // by the caller of a helper that has returned
  CHECK(learnt(stack, 4, stack.at(4), [&] { stack.words[7] = 0x406666; }) == SiteKind::returns);
  CHECK(learnt(stack, 5, stack.at(4), [&] { stack.words[9] = 18; }) == SiteKind::stays);  // a counter
  CHECK(learnt(stack, 6, stack.at(4), [&] { stack.words[11] = stack.at(22); }) ==
        SiteKind::stays);  // a local's address
}

TEST_CASE_METHOD(NoSiteIsKnown,
                 "an unlock that is its function's last act and became a jump comes from that function") {
  RecordOnArray stack(64);
  const uintptr_t returns_to = 0x409999;  // see learnt
  stack.words[7] = returns_to;
  const auto nothing = [] {};
  CHECK(learnt(stack, 1, stack.at(8), nothing) == SiteKind::stays);
  CHECK(learnt(stack, 2, stack.at(10), nothing) == SiteKind::returns);  // no word of that place is the unlock's caller
  stack.put_frame(4, stack.at(20), 0x405555);
  stack.put_frame(20, 0, returns_to);
  CHECK(learnt(stack, 3, stack.at(22), nothing, stack.at(4)) == SiteKind::stays);
}

TEST_CASE("the time stamp counter is noted only if requested") {
  OwnerRecord record;
  hold(record, mutex_at(0x1000), kCaller);
  CHECK(record.find(0x1000)->tsc == 0);
  const ExtrasAre extras(kReadTsc);
  hold(record, mutex_at(0x2000), kCaller);
  CHECK(record.find(0x2000)->tsc != 0);
  CHECK_FALSE(is_copied(*record.find(0x2000)));
}

TEST_CASE("a copy of the stack goes from the caller's stack pointer to the stack's end") {
  refill_spares(true);
  const ExtrasAre extras(kCopyAlways);
  RecordOnArray stack(64);
  for (size_t i = 0; i < 64; ++i) stack.words[i] = i * 1'000'003;
  hold(stack.record, mutex_at(0x1000), {0x401000, stack.at(24), 0});
  const HeldSlot* slot = stack.record.find(0x1000);
  REQUIRE(copied_size(stack.record, *slot) == 40 * sizeof(uintptr_t));
  size_t size = 0;
  const unsigned char* copy = stack.record.stack_copy(stack.record.index_of_slot(*slot), &size);
  CHECK(memcmp(copy, stack.words.data() + 24, size) == 0);
}

TEST_CASE_METHOD(NoSiteIsKnown,
                 "a copy of a large stack is its innermost 4 KiB, at a new site or one that needs it 64 KiB") {
  refill_spares(true);
  const ExtrasAre extras(kCopyAlways);
  RecordOnArray stack(20'000);
  hold(stack.record, mutex_at(0x3000), {0x403000, stack.at(0), 0});
  CHECK(copied_size(stack.record, *stack.record.find(0x3000)) == 64 * 1024);
  for (uint64_t i = 0; i < kTrustedAfter; ++i) note_site(0x401000, SiteKind::returns);
  hold(stack.record, mutex_at(0x1000), {0x401000, stack.at(0), 0});
  CHECK(copied_size(stack.record, *stack.record.find(0x1000)) == 4 * 1024);
  note_site(0x402000, SiteKind::copies);
  hold(stack.record, mutex_at(0x2000), {0x402000, stack.at(0), 0});
  CHECK(copied_size(stack.record, *stack.record.find(0x2000)) == 64 * 1024);
}

TEST_CASE("a stack that is not the thread's own is not copied") {
  refill_spares(true);
  const ExtrasAre extras(kCopyAlways);
  RecordOnArray stack(64);
  hold(stack.record, mutex_at(0x1000), {0x401000, stack.at(64) + 8, 0});
  CHECK_FALSE(is_copied(*stack.record.find(0x1000)));
  hold(stack.record, mutex_at(0x2000), {0x401000, stack.at(0) - 8, 0});
  CHECK_FALSE(is_copied(*stack.record.find(0x2000)));
}

TEST_CASE_METHOD(NoSiteIsKnown, "at sites that need it the stack is copied, at others not") {
  refill_spares(true);
  const ExtrasAre extras(0);
  RecordOnArray stack(64);
  note_site(0x401000, SiteKind::copies);
  hold(stack.record, mutex_at(0x1000), {0x401000, stack.at(0), 0});
  hold(stack.record, mutex_at(0x2000), {0x402000, stack.at(0), 0});
  CHECK(is_copied(*stack.record.find(0x1000)));
  CHECK(copied_size(stack.record, *stack.record.find(0x1000)) == 64 * sizeof(uintptr_t));
  CHECK_FALSE(is_copied(*stack.record.find(0x2000)));
}

TEST_CASE_METHOD(NoSiteIsKnown, "a slot that is taken again without a copy does not show the former one") {
  refill_spares(true);
  RecordOnArray stack(64);
  const ExtrasAre copies(kCopyAlways);
  hold(stack.record, mutex_at(0x1000), {0x401000, stack.at(0), 0});
  HeldSlot* slot = stack.record.find(0x1000);
  stack.record.drop(*slot);
  const ExtrasAre no_copies(kReadTsc);
  hold(stack.record, mutex_at(0x2000), {0x401000, stack.at(0), 0});
  REQUIRE(stack.record.find(0x2000) == slot);
  CHECK_FALSE(is_copied(*slot));
}

TEST_CASE("a left-over hold is dropped in the use that it was seen in, and in no later one of the same lock") {
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

TEST_CASE("the watcher may drop a hold while its thread releases it") {
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

TEST_CASE("find gives the newest hold of a lock") {
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
