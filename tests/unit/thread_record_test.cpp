#include "shim/record/thread_record.h"

#include <pthread.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "shim/record/call_sites.h"
#include "shim/record/spare_memory.h"
#include "shim/record/view.h"
#include "tests/unit/array_stack.h"
#include "tests/unit/no_site_is_known.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr Caller kCaller{0x401000, 0, 0};  // no stack that could be walked

// What lock calls do beyond the usual, while alive.
class ExtrasAre {
 public:
  explicit ExtrasAre(uint32_t extras) : before_(g_pulse.extras.exchange(extras)) {}
  ~ExtrasAre() { g_pulse.extras.store(before_); }
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
    record.stack_span = size * sizeof(uintptr_t);
  }
  // What an acquisition with the given registers notes of its callers.
  uint32_t callers(uintptr_t sp, uintptr_t pc = 0x401000) {
    record.hold(mutex_at(0x10), {pc, sp, 0});
    HeldSlot* slot = record.find(0x10);
    const uint32_t noted = slot->callers;
    record.drop(slot);
    return noted;
  }

  ThreadRecord record;
};

bool is_copied(const HeldSlot& slot) {
  return (slot.callers & kCopied) != 0;
}

TEST_CASE("a hold notes its lock, its caller and the tick, and is found by the lock's address") {
  ThreadRecord record;
  const TickAt tick(4711);
  record.hold({reinterpret_cast<const void*>(0x1000), LockKind::rwlock, Access::shared}, {0x401234, 0x7000, 0});
  const HeldSlot* slot = record.find(0x1000);
  REQUIRE(slot != nullptr);
  CHECK(word_of(*slot).address() == 0x1000);
  CHECK(word_of(*slot).kind() == LockKind::rwlock);
  CHECK(word_of(*slot).access() == Access::shared);
  CHECK(slot->since_ns == 4711);
  CHECK(slot->pc == 0x401234);
  CHECK(slot->sp == 0x7000);
  CHECK(slot->depth == 0);
  CHECK_FALSE(record.holds_nothing());
}

TEST_CASE("a lock that was never taken is not found") {
  ThreadRecord record;
  CHECK(record.find(0x1000) == nullptr);
  record.hold(mutex_at(0x1000), kCaller);
  CHECK(record.find(0x2000) == nullptr);
}

TEST_CASE("a dropped hold is found no more") {
  ThreadRecord record;
  record.hold(mutex_at(0x1000), kCaller);
  record.drop(record.find(0x1000));
  CHECK(record.find(0x1000) == nullptr);
  CHECK(record.holds_nothing());
}

TEST_CASE("holds may end in any order") {
  ThreadRecord record;
  for (const uintptr_t lock : {0x1000u, 0x2000u, 0x3000u}) record.hold(mutex_at(lock), kCaller);
  record.drop(record.find(0x1000));
  record.hold(mutex_at(0x4000), kCaller);
  record.drop(record.find(0x3000));
  CHECK(record.find(0x1000) == nullptr);
  CHECK(record.find(0x3000) == nullptr);
  REQUIRE(record.find(0x2000) != nullptr);
  REQUIRE(record.find(0x4000) != nullptr);
  CHECK(word_of(*record.find(0x2000)) == mutex_at(0x2000));
  CHECK(word_of(*record.find(0x4000)) == mutex_at(0x4000));
}

TEST_CASE("each acquisition has a number of its own") {
  ThreadRecord record;
  std::set<uint64_t> numbers;
  for (int i = 0; i < 100; ++i) {
    record.hold(mutex_at(0x1000), kCaller);
    numbers.insert(record.find(0x1000)->number);
    record.drop(record.find(0x1000));
  }
  CHECK(numbers.size() == 100);
}

TEST_CASE("a recursive mutex taken again stays one hold, one deeper") {
  ThreadRecord record;
  RecursiveMutex mutex;
  const TickAt first(100);
  record.hold(mutex.word(), kCaller);
  const HeldSlot* slot = record.find(mutex.address());
  const uint64_t number = slot->number;
  mutex.lock();
  const TickAt second(200);
  record.hold(mutex.word(), {0x402000, 0, 0});
  CHECK(record.find(mutex.address()) == slot);
  CHECK(slot->depth == 1);
  CHECK(slot->number == number);
  CHECK(slot->since_ns == 100);
  CHECK(slot->pc == kCaller.pc);
}

TEST_CASE("a read lock taken again by its thread stays one hold, one deeper") {
  ThreadRecord record;
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  const LockWord word(&rwlock, LockKind::rwlock, Access::shared);
  for (int i = 0; i < 3; ++i) {
    pthread_rwlock_rdlock(&rwlock);
    record.hold(word, kCaller);
  }
  CHECK(record.find(address_of(&rwlock))->depth == 2);
  for (int i = 0; i < 3; ++i) pthread_rwlock_unlock(&rwlock);
}

TEST_CASE("a mutex that another thread gave up, taken again, is a new hold") {
  ThreadRecord record;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  const LockWord word(&mutex, LockKind::mutex, Access::exclusive);
  pthread_mutex_lock(&mutex);
  const TickAt first(100);
  record.hold(word, kCaller);
  const uint64_t number = record.find(address_of(&mutex))->number;
  pthread_mutex_unlock(&mutex);  // unseen: this record does not hear of it
  pthread_mutex_lock(&mutex);
  const TickAt second(200);
  record.hold(word, kCaller);
  HeldSlot* slot = record.find(address_of(&mutex));
  CHECK(slot->number != number);
  CHECK(slot->since_ns == 200);
  CHECK(slot->depth == 0);
  record.drop(slot);
  CHECK(record.holds_nothing());
  pthread_mutex_unlock(&mutex);
}

TEST_CASE("a recursive mutex taken again under another lock has a second slot, which ends first") {
  ThreadRecord record;
  RecursiveMutex mutex;
  record.hold(mutex.word(), {0x401000, 0, 0});
  record.hold(mutex_at(0x1000), kCaller);
  mutex.lock();
  record.hold(mutex.word(), {0x402000, 0, 0});
  HeldSlot* slot = record.find(mutex.address());
  CHECK(slot->pc == 0x402000);
  record.drop(slot);
  slot = record.find(mutex.address());
  REQUIRE(slot != nullptr);
  CHECK(slot->pc == 0x401000);
}

TEST_CASE("an acquisition that finds no slot is counted") {
  while (take_spare(SpareKind::overflow) != nullptr) continue;
  ThreadRecord record;
  for (uintptr_t lock = 1; lock <= kInlineSlots; ++lock) record.hold(mutex_at(lock * 64), kCaller);
  CHECK(record.unrecorded == 0);
  record.hold(mutex_at(0x9000), kCaller);
  record.hold(mutex_at(0xa000), kCaller);
  CHECK(record.unrecorded == 2);
  CHECK(record.find(0x9000) == nullptr);
  CHECK(record.find(64) != nullptr);
}

TEST_CASE("256 locks held at once all have slots, those beyond are counted") {
  refill_spares(false);
  ThreadRecord record;
  for (uintptr_t lock = 1; lock <= kHeldSlots; ++lock) record.hold(mutex_at(lock * 64), kCaller);
  CHECK(record.unrecorded == 0);
  std::set<HeldSlot*> slots;
  for (uintptr_t lock = 1; lock <= kHeldSlots; ++lock) {
    HeldSlot* slot = record.find(lock * 64);
    REQUIRE(slot != nullptr);
    REQUIRE(word_of(*slot) == mutex_at(lock * 64));
    slots.insert(slot);
  }
  CHECK(slots.size() == 256);
  record.hold(mutex_at(0x100000), kCaller);
  CHECK(record.unrecorded == 1);
}

TEST_CASE("an overflow slot that is given up is taken by the next lock") {
  refill_spares(false);
  ThreadRecord record;
  for (uintptr_t lock = 1; lock <= kHeldSlots; ++lock) record.hold(mutex_at(lock * 64), kCaller);
  HeldSlot* slot = record.find(100 * 64);
  record.drop(slot);
  CHECK(record.find(100 * 64) == nullptr);
  record.hold(mutex_at(0x100000), kCaller);
  CHECK(record.find(0x100000) == slot);
  CHECK(record.unrecorded == 0);
}

TEST_CASE("a lock in an overflow slot is found when all inline slots are free again") {
  refill_spares(false);
  ThreadRecord record;
  for (uintptr_t lock = 1; lock <= kInlineSlots + 1; ++lock) record.hold(mutex_at(lock * 64), kCaller);
  for (uintptr_t lock = 1; lock <= kInlineSlots; ++lock) record.drop(record.find(lock * 64));
  CHECK(record.find((kInlineSlots + 1) * 64) != nullptr);
}

TEST_CASE("each slot has one index, by which it is found again") {
  refill_spares(false);
  ThreadRecord record;
  CHECK(record.slot_limit() == kInlineSlots);
  CHECK(record.slot(kInlineSlots) == nullptr);
  for (uintptr_t lock = 1; lock <= kHeldSlots; ++lock) record.hold(mutex_at(lock * 64), kCaller);
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

TEST_CASE("a hold whose unlock failed goes on as the same hold") {
  refill_spares(false);
  ThreadRecord record;
  for (uintptr_t lock = 1; lock <= kInlineSlots + 1; ++lock) record.hold(mutex_at(lock * 64), kCaller);
  const uintptr_t lock = GENERATE(as<uintptr_t>(), 3 * 64, (kInlineSlots + 1) * 64);
  HeldSlot* slot = record.find(lock);
  const uint64_t number = slot->number;
  record.drop(slot);
  record.restore_slow(slot, mutex_at(lock));
  REQUIRE(record.find(lock) == slot);
  CHECK(slot->number == number);
  record.hold(mutex_at(0x100000), kCaller);
  CHECK(record.find(0x100000) != slot);
  CHECK(record.find(lock) == slot);
}

TEST_CASE("a wait is published until it ends, and each has a number of its own") {
  ThreadRecord record;
  CHECK_FALSE(record.is_waiting());
  record.begin_wait(mutex_at(0x1000), {0x401000, 0x7000, 0x7100}, 55);
  CHECK(record.is_waiting());
  CHECK(record.waiting().pc == 0x401000);
  CHECK(record.waiting().sp == 0x7000);
  CHECK(record.waiting().bp == 0x7100);
  CHECK(record.waiting().since_ns == 55);
  const uint64_t number = record.waiting().number;
  record.end_wait();
  CHECK_FALSE(record.is_waiting());
  record.begin_wait(mutex_at(0x1000), kCaller, 56);
  CHECK(record.waiting().number != number);
}

TEST_CASE("a wait that a signal handler's lock call interrupted goes on since when it began") {
  ThreadRecord record;
  record.begin_wait(mutex_at(0x1000), {0x401000, 0x7000, 0x7100}, 55);
  const ThreadRecord::SavedWait saved = record.save_wait_slow();
  record.begin_wait(mutex_at(0x2000), {0x402000, 0x6000, 0x6100}, 77);
  record.end_wait();
  record.restore_wait_slow(saved);
  CHECK(LockWord(record.waiting().word) == mutex_at(0x1000));
  CHECK(record.waiting().since_ns == 55);
  CHECK(record.waiting().pc == 0x401000);
  CHECK(record.waiting().sp == 0x7000);
  CHECK(record.waiting().bp == 0x7100);
}

TEST_CASE("a record that is emptied for its next owner goes on counting") {
  refill_spares(false);
  ThreadRecord record;
  for (uintptr_t lock = 1; lock <= 10; ++lock) record.hold(mutex_at(lock * 64), kCaller);
  record.begin_wait(mutex_at(0x1000), kCaller, 1);
  const uint64_t last_hold = record.find(10 * 64)->number;
  const uint64_t last_wait = record.waiting().number;
  record.clear();
  CHECK(record.holds_nothing());
  CHECK_FALSE(record.is_waiting());
  for (uintptr_t lock = 1; lock <= 10; ++lock) CHECK(record.find(lock * 64) == nullptr);
  record.hold(mutex_at(0x1000), kCaller);
  CHECK(record.find(0x1000)->number > last_hold);
  record.begin_wait(mutex_at(0x1000), kCaller, 1);
  CHECK(record.waiting().number > last_wait);
  for (uintptr_t lock = 1; lock < kHeldSlots; ++lock) record.hold(mutex_at(0x10000 + lock * 64), kCaller);
  CHECK(record.unrecorded == 0);
}

TEST_CASE_METHOD(NoSiteIsKnown,
                 "the callers are noted where it is not known that the frame stays, on the own stack only") {
  RecordOnArray stack(64);
  CHECK(stack.callers(stack.at(0)) == (kNotedWords << kWordsShift | kUnsettled));
  stack.record.stack_span = 16 * sizeof(uintptr_t);
  CHECK(stack.callers(stack.at(32)) == 0);  // sp further down than the stack reaches
  stack.record.stack_span = 64 * sizeof(uintptr_t);
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
SiteKind learnt(RecordOnArray& stack, uintptr_t pc, uintptr_t unlock_sp, Change change) {
  if (site_kind(pc) == SiteKind::unseen) note_that_site_stays(pc, kTrustedAfter - 1);
  stack.record.hold(mutex_at(0x10), {pc, stack.at(4), 0});
  change();
  HeldSlot* slot = stack.record.find(0x10);
  stack.record.learn_site(*slot, {0x409999, unlock_sp, 0});
  stack.record.drop(slot);
  return site_kind(pc);
}

TEST_CASE_METHOD(NoSiteIsKnown, "the unlock tells whether the frame that locked is still there") {
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

TEST_CASE_METHOD(NoSiteIsKnown, "a frame that stayed until now is noticed when it returns") {
  RecordOnArray stack(64);
  const auto nothing = [] {};
  CHECK(learnt(stack, 1, stack.at(4), nothing) == SiteKind::stays);
  CHECK(learnt(stack, 1, stack.at(10), nothing) == SiteKind::returns);
  CHECK(learnt(stack, 1, stack.at(4), nothing) == SiteKind::returns);
}

TEST_CASE("the time stamp counter is noted only where it is asked for") {
  ThreadRecord record;
  record.hold(mutex_at(0x1000), kCaller);
  CHECK(record.find(0x1000)->tsc == 0);
  const ExtrasAre extras(kReadTsc);
  record.hold(mutex_at(0x2000), kCaller);
  CHECK(record.find(0x2000)->tsc != 0);
  CHECK_FALSE(is_copied(*record.find(0x2000)));
}

TEST_CASE("a copy of the stack goes from the caller's stack pointer to the stack's end") {
  refill_spares(true);
  const ExtrasAre extras(kCopyAlways);
  RecordOnArray stack(64);
  for (size_t i = 0; i < 64; ++i) stack.words[i] = i * 1'000'003;
  stack.record.hold(mutex_at(0x1000), {0x401000, stack.at(24), 0});
  const HeldSlot* slot = stack.record.find(0x1000);
  REQUIRE(slot->copy_size == 40 * sizeof(uintptr_t));
  const unsigned char* copy = stack.record.stack_copy(stack.record.index_of_slot(*slot));
  CHECK(memcmp(copy, stack.words.data() + 24, slot->copy_size) == 0);
}

TEST_CASE("a copy of a large stack is its innermost 64 KiB") {
  refill_spares(true);
  const ExtrasAre extras(kCopyAlways);
  RecordOnArray stack(20'000);
  stack.record.hold(mutex_at(0x1000), {0x401000, stack.at(0), 0});
  CHECK(stack.record.find(0x1000)->copy_size == 64 * 1024);
}

TEST_CASE("a stack that is not the thread's own is not copied") {
  refill_spares(true);
  const ExtrasAre extras(kCopyAlways);
  RecordOnArray stack(64);
  stack.record.hold(mutex_at(0x1000), {0x401000, stack.at(64) + 8, 0});
  CHECK_FALSE(is_copied(*stack.record.find(0x1000)));
  stack.record.hold(mutex_at(0x2000), {0x401000, stack.at(0) - 8, 0});
  CHECK_FALSE(is_copied(*stack.record.find(0x2000)));
}

TEST_CASE_METHOD(NoSiteIsKnown, "at sites that need it the stack is copied, at others not") {
  refill_spares(true);
  const ExtrasAre extras(0);
  RecordOnArray stack(64);
  note_site(0x401000, SiteKind::copies);
  stack.record.hold(mutex_at(0x1000), {0x401000, stack.at(0), 0});
  stack.record.hold(mutex_at(0x2000), {0x402000, stack.at(0), 0});
  CHECK(is_copied(*stack.record.find(0x1000)));
  CHECK(stack.record.find(0x1000)->copy_size == 64 * sizeof(uintptr_t));
  CHECK_FALSE(is_copied(*stack.record.find(0x2000)));
}

TEST_CASE_METHOD(NoSiteIsKnown, "a slot that is taken again without a copy does not show the former one") {
  refill_spares(true);
  RecordOnArray stack(64);
  const ExtrasAre copies(kCopyAlways);
  stack.record.hold(mutex_at(0x1000), {0x401000, stack.at(0), 0});
  HeldSlot* slot = stack.record.find(0x1000);
  stack.record.drop(slot);
  const ExtrasAre no_copies(kReadTsc);
  stack.record.hold(mutex_at(0x2000), {0x401000, stack.at(0), 0});
  REQUIRE(stack.record.find(0x2000) == slot);
  CHECK_FALSE(is_copied(*slot));
}

TEST_CASE("find gives the newest hold though an older one has the higher slot") {
  ThreadRecord record;
  record.hold(mutex_at(0x1000), {1, 0, 0});
  record.hold(mutex_at(0x2000), {2, 0, 0});
  record.hold(mutex_at(0x3000), {3, 0, 0});
  record.drop(record.find(0x1000));
  record.hold(mutex_at(0x2000), {4, 0, 0});  // recursive, in slot 0
  record.drop(record.find(0x3000));
  CHECK(record.find(0x2000)->pc == 4);
}

}  // namespace
}  // namespace holdwatch
