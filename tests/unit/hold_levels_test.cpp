#include "shim/record/hold_levels.h"

#include "shim/record/call_sites.h"
#include "shim/record/spare_memory.h"
#include "tests/catch.h"
#include "tests/unit/no_site_is_known.h"
#include "tests/unit/record_scene.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

// How many slots the thread has for a lock.
size_t slots_of(OwnerRecord& record, uintptr_t address) {
  size_t count = 0;
  for (uint32_t index = 0; index < record.used_limit(); ++index) {
    const LockWord word = word_of(*record.slot(index));
    count += word.is_hold() && word.is_lock_at(address);
  }
  return count;
}

TEST_CASE("each level of a recursive mutex has a slot, and the first keeps the identity and time of the hold") {
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

TEST_CASE("an rwlock that its thread read-locks again has a slot for each level") {
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

TEST_CASE_METHOD(NoSiteIsKnown, "an unlock releases the level that its own frame has acquired") {
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

TEST_CASE_METHOD(NoSiteIsKnown, "an unlock that is a tail call releases the level of the function that it ends") {
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

// The outer function's frame begins at 56, the frames of what it calls end at 55, with the address they return to.
struct WrappedLevels : NoSiteIsKnown, RecordOnArray {
  static constexpr uintptr_t kInWrapper = 0x401000, kAfterInner = 0x405555, kAfterRelease = 0x405599;

  WrappedLevels() : RecordOnArray(64) {
    put_frame(54, at(60), 0x405500);
    hold(record, mutex.word(), {kInWrapper, at(50), at(54)});
    put_frame(54, at(60), kAfterInner);
  }
  // The inner function, called by the outer one, acquires the lock through the same wrapper, or through another one.
  void take_in_inner(uintptr_t pc, bool has_frame_pointers) {
    put_frame(42, at(54), 0x406000);
    mutex.lock();
    hold(record, mutex.word(), {pc, at(40), has_frame_pointers ? at(42) : 0});
  }
  // From the unlock's wrapper, whose frame need not be as large as that of the lock's.
  void unlock(size_t place) {
    release_level(record, *record.find(mutex.address()), mutex.word(), {0x409999, at(place), at(54)});
  }
  bool has_first() { return !record.slot(0)->is_released(); }
  bool has_second() { return record.find(mutex.address()) != record.slot(0); }

  RecursiveMutex mutex;
};

TEST_CASE_METHOD(WrappedLevels, "an unlock in a wrapper releases the level of the function that called the wrapper") {
  const size_t place = GENERATE(size_t{50}, size_t{52});
  const uintptr_t other_wrapper = GENERATE(kInWrapper, 0x402000);
  note_site(kInWrapper, SiteKind::returns);
  note_site(other_wrapper, SiteKind::returns);
  SECTION("the inner function has returned with the lock held") {
    take_in_inner(other_wrapper, true);
    words[55] = kAfterRelease;
    unlock(place);
    CHECK_FALSE(has_first());
    CHECK(has_second());
  }
  SECTION("the inner function ended in a jump to the wrapper") {
    take_in_inner(other_wrapper, true);
    unlock(place);
    CHECK(has_first());
    CHECK_FALSE(has_second());
  }
  SECTION("without frame pointers it is the newest") {
    take_in_inner(other_wrapper, false);
    words[55] = kAfterRelease;
    unlock(place);
    CHECK(has_first());
    CHECK_FALSE(has_second());
  }
}

TEST_CASE("mutexes that the thread acquires in turn and others release do not fill its record") {
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

}  // namespace
}  // namespace holdwatch
