#include "shim/record/ended_holds.h"

#include <cstring>
#include <set>
#include <vector>

#include "shim/base/clock.h"
#include "shim/record/call_sites.h"
#include "shim/record/hand_over.h"
#include "shim/record/hold_notes.h"
#include "shim/record/spare_memory.h"
#include "tests/catch.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr size_t kRoom = 32;

// A thread that ends holds of locks, each on a stack that has this many words above the unlocking frame.
struct Releaser {
  RecordedThread thread;
  std::vector<uintptr_t> words;

  explicit Releaser(size_t stack_words = 16) : words(stack_words) {
    for (size_t i = 0; i < stack_words; ++i) words[i] = i * 1'000'003;
    thread.record().stack_end = reinterpret_cast<uintptr_t>(words.data() + words.size());
    thread.record().stack_span = words.size() * sizeof(uintptr_t) + 1;
  }
  Caller caller() const { return {0x402000, reinterpret_cast<uintptr_t>(words.data()), 0x7100}; }

  void hand_over(uintptr_t lock, const Caller& from) {
    OwnerRecord& record = thread.record();
    // A site that no other file's tests use: what is learnt of one stays for the process.
    hold(record, {reinterpret_cast<const void*>(lock), LockKind::rwlock, Access::shared}, {0x401666, from.sp, 0});
    HeldSlot* slot = record.find(lock);
    hand_over_slow(record, LockWord(slot->word.load()), *slot, *slot, from);
    record.drop(*slot);
  }
  void hand_over(uintptr_t lock) { hand_over(lock, caller()); }
};

constexpr size_t kRoomInBrief = 4096;

TEST_CASE("an ended hold has the hold, its end, and where the thread was") {
  drop_ended_holds();
  Releaser releaser;
  OwnerRecord& record = releaser.thread.record();
  const TickAt tick(4712);
  hold(record, {reinterpret_cast<const void*>(0x1000), LockKind::rwlock, Access::shared}, {0x401000, 0, 0});
  HeldSlot* slot = record.find(0x1000);
  HoldView view;
  REQUIRE(view_hold(releaser.thread.index(), record.index_of_slot(*slot), &view));
  const uint64_t before_ns = monotonic_ns();
  hand_over_slow(record, LockWord(slot->word.load()), *slot, *slot, releaser.caller());
  const uint64_t after_ns = monotonic_ns();
  record.drop(*slot);

  EndedHold* entry = take_ended_hold();
  REQUIRE(entry != nullptr);
  CHECK(entry->hold.identity == view.identity);
  CHECK(entry->hold.word == view.word);
  CHECK(entry->hold.tid == releaser.thread.tid());
  CHECK(entry->hold.since_ns == 4712);
  CHECK(entry->hold.site_count == view.site_count);
  CHECK(entry->hold.sites[0].pc == 0x401000);
  CHECK(entry->released_ns >= before_ns);
  CHECK(entry->released_ns <= after_ns);
  CHECK(entry->caller.pc == 0x402000);
  CHECK(entry->caller.bp == 0x7100);
  REQUIRE(entry->stack_size == releaser.words.size() * sizeof(uintptr_t));
  CHECK(memcmp(entry->stack, releaser.words.data(), entry->stack_size) == 0);
  free_ended_hold(entry);
}

TEST_CASE("a copy that was made at the acquisition is handed over with the hold") {
  drop_ended_holds();
  Releaser releaser;
  OwnerRecord& record = releaser.thread.record();
  note_site(0x401777, SiteKind::copies);
  const Caller taker{0x401777, reinterpret_cast<uintptr_t>(releaser.words.data()), 0};
  refill_spares(true);
  hold(record, {reinterpret_cast<const void*>(0x1000), LockKind::mutex, Access::exclusive}, taker);
  const std::vector<uintptr_t> then = releaser.words;
  for (uintptr_t& word : releaser.words) word = 0;
  HeldSlot* slot = record.find(0x1000);
  hand_over_slow(record, LockWord(slot->word.load()), *slot, *slot, releaser.caller());
  record.drop(*slot);
  EndedHold* entry = take_ended_hold();
  REQUIRE(entry != nullptr);
  REQUIRE(entry->acquired_size == then.size() * sizeof(uintptr_t));
  CHECK(memcmp(entry->acquired, then.data(), entry->acquired_size) == 0);
  free_ended_hold(entry);
  releaser.hand_over(0x2000);
  entry = take_ended_hold();
  CHECK(entry->acquired_size == 0);
  free_ended_hold(entry);
}

TEST_CASE("if the noted callers end before the frame that unlocks, the next acquisition copies its stack, if allowed") {
  drop_ended_holds();
  Releaser releaser(64);
  OwnerRecord& record = releaser.thread.record();
  const auto sp = [&](size_t word) { return reinterpret_cast<uintptr_t>(releaser.words.data() + word); };
  const auto kind_after = [&](uintptr_t pc, size_t unlock_at) {
    hold(record, {reinterpret_cast<const void*>(0x3000), LockKind::mutex, Access::exclusive}, {pc, sp(0), 0});
    HeldSlot* slot = record.find(0x3000);
    hand_over_slow(record, LockWord(slot->word.load()), *slot, *slot, {0x402000, sp(unlock_at), 0});
    record.drop(*slot);
    drop_ended_holds();
    return site_of(pc).kind;
  };
  g_clock_line.limit_ns[0] = 1;
  CHECK(kind_after(0x401801, 40) == SiteKind::unseen);
  allow_trials(true);
  CHECK(kind_after(0x401802, 40) == SiteKind::copies);
  CHECK(kind_after(0x401803, 2 * kNotedWords) == SiteKind::unseen);
  allow_trials(false);
  g_clock_line.limit_ns[0] = UINT64_MAX;
}

TEST_CASE("a large stack is handed over as far as there is room") {
  drop_ended_holds();
  Releaser releaser(10'000);
  releaser.hand_over(0x1000);
  EndedHold* entry = take_ended_hold();
  REQUIRE(entry != nullptr);
  CHECK(entry->stack_size == sizeof entry->stack);
  free_ended_hold(entry);
}

TEST_CASE("nothing is read of a stack that is not the thread's own") {
  drop_ended_holds();
  Releaser releaser;
  releaser.hand_over(0x1000, {0x402000, reinterpret_cast<uintptr_t>(&releaser), 0});
  EndedHold* entry = take_ended_hold();
  REQUIRE(entry != nullptr);
  CHECK(entry->stack_size == 0);
  free_ended_hold(entry);
}

TEST_CASE("the hold that ended first is taken first, and each once") {
  drop_ended_holds();
  Releaser releaser;
  for (uintptr_t lock = 1; lock <= 3; ++lock) releaser.hand_over(lock * 64);
  EndedHold* first = take_ended_hold();
  REQUIRE(first != nullptr);
  CHECK(first->hold.word.address() == 64);
  free_ended_hold(first);
  releaser.hand_over(4 * 64);  // into the place that is free again, before the others
  for (uintptr_t lock = 2; lock <= 4; ++lock) {
    EndedHold* next = take_ended_hold();
    REQUIRE(next != nullptr);
    CHECK(next->hold.word.address() == lock * 64);
    free_ended_hold(next);
  }
  CHECK(take_ended_hold() == nullptr);
}

TEST_CASE("an entry that is being read is not overwritten") {
  drop_ended_holds();
  Releaser releaser;
  releaser.hand_over(0x1000);
  EndedHold* taken = take_ended_hold();
  for (uintptr_t lock = 1; lock <= kRoom + 5; ++lock) releaser.hand_over(0x2000 + lock * 64);
  CHECK(taken->hold.word.address() == 0x1000);
  free_ended_hold(taken);
  drop_ended_holds();
}

TEST_CASE("of ended holds without room, which and when is known, in the order in which they ended") {
  drop_ended_holds();
  Releaser releaser;
  HoldEnd end;
  for (uintptr_t lock = 1; lock <= kRoom; ++lock) releaser.hand_over(lock * 64);
  CHECK_FALSE(take_brief_end(&end));
  const uint64_t before_ns = monotonic_ns();
  releaser.hand_over(0x9000);
  releaser.hand_over(0xa000);
  REQUIRE(take_brief_end(&end));
  CHECK(end.identity.record == releaser.thread.index());
  CHECK(end.lock == LockWord(reinterpret_cast<const void*>(0x9000), LockKind::rwlock, Access::shared));
  CHECK(end.since_ns != 0);
  CHECK(end.released_ns >= before_ns);
  REQUIRE(take_brief_end(&end));
  CHECK(end.lock.address() == 0xa000);
  CHECK_FALSE(take_brief_end(&end));
  drop_ended_holds();
}

TEST_CASE("there is room in brief again for those that were taken, round and round") {
  drop_ended_holds();
  Releaser releaser;
  const uint64_t lost = ended_holds_lost();
  for (uintptr_t lock = 1; lock <= kRoom; ++lock) releaser.hand_over(lock * 64);
  size_t taken = 0;
  for (size_t i = 0; i < 3 * kRoomInBrief; i += kRoomInBrief / 2) {
    for (uintptr_t lock = 1; lock <= kRoomInBrief / 2; ++lock) releaser.hand_over(0x100000 + lock * 64);
    HoldEnd end;
    while (take_brief_end(&end)) ++taken;
  }
  CHECK(taken == 3 * kRoomInBrief);
  CHECK(ended_holds_lost() == lost);
  drop_ended_holds();
}

TEST_CASE("an ended hold without any room is counted") {
  drop_ended_holds();
  Releaser releaser;
  const uint64_t lost = ended_holds_lost();
  for (uintptr_t lock = 1; lock <= kRoom + kRoomInBrief; ++lock) releaser.hand_over(lock * 64);
  CHECK(ended_holds_lost() == lost);
  releaser.hand_over(0x900000);
  CHECK(ended_holds_lost() == lost + 1);
  size_t taken = 0;
  std::set<EndedHold*> entries;
  while (EndedHold* entry = take_ended_hold()) {
    entries.insert(entry);
    ++taken;
  }
  CHECK(taken == kRoom);
  CHECK(entries.size() == kRoom);
  for (EndedHold* entry : entries) free_ended_hold(entry);
  drop_ended_holds();
}

TEST_CASE("after a fork all entries are free") {
  drop_ended_holds();
  Releaser releaser;
  for (uintptr_t lock = 1; lock <= kRoom + 1; ++lock) releaser.hand_over(lock * 64);
  EndedHold* taken = take_ended_hold();
  taken->state = EndedHold::State::writing;
  ended_holds_after_fork();
  CHECK(take_ended_hold() == nullptr);
  HoldEnd end;
  CHECK_FALSE(take_brief_end(&end));
  const uint64_t lost = ended_holds_lost();
  for (uintptr_t lock = 1; lock <= kRoom; ++lock) releaser.hand_over(lock * 64);
  CHECK(ended_holds_lost() == lost);
  drop_ended_holds();
}

}  // namespace
}  // namespace holdwatch
