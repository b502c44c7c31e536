#include "shim/record/view.h"

#include <set>

#include "shim/record/spare_memory.h"
#include "shim/record/view_walk.h"
#include "tests/catch.h"
#include "tests/unit/no_site_is_known.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

LockWord mutex_at(uintptr_t address) {
  return {reinterpret_cast<const void*>(address), LockKind::mutex, Access::exclusive};
}

// A hold of a lock at `address`, by a record without a stack that could be walked.
void hold(RecordedThread& thread, uintptr_t address, uint64_t tick_ns) {
  const TickAt tick(tick_ns);
  hold(thread.record(), mutex_at(address), {0x401000, 0, 0});
}

void drop(RecordedThread& thread, uintptr_t address) {
  drop(thread.record(), address);
}

HoldView view_of(RecordedThread& thread, uintptr_t address) {
  HoldView view{};
  OwnerRecord& record = thread.record();
  REQUIRE(view_hold(thread.index(), record.index_of_slot(*record.find(address)), &view));
  return view;
}

struct Walked {
  std::multiset<uintptr_t> visited;
  uint64_t oldest_other_ns;
};

Walked walk_holds(uint64_t newest_ns) {
  Walked walked{};
  walked.oldest_other_ns =
      for_each_hold(newest_ns, [&](const HoldView& view) { walked.visited.insert(view.word.address()); });
  return walked;
}

Walked walk_waits(uint64_t newest_ns) {
  Walked walked{};
  walked.oldest_other_ns =
      for_each_wait(newest_ns, [&](const WaitView& view) { walked.visited.insert(view.word.address()); });
  return walked;
}

TEST_CASE("the view of a join says for which thread it waits, and ends with the join") {
  RecordedThread thread;
  JoinNote& note = thread.record().join;
  JoinView view{}, later{};
  CHECK_FALSE(view_join(thread.index(), &view));
  const uint64_t first = note.begin(0x7000, true, 4712, 0x401000, 0x6000);
  REQUIRE(view_join(thread.index(), &view));
  CHECK((view.thread == 0x7000 && view.has_timeout && view.since_ns == 4712));
  CHECK((view.pc == 0x401000 && view.sp == 0x6000));
  note.end(first);
  CHECK_FALSE(join_lasts(view));
  const uint64_t second = note.begin(0x7000, false, 4712, 0x401000, 0x6000);
  note.end(first);  // not this one
  REQUIRE(view_join(thread.index(), &later));
  CHECK((later.state != view.state && !later.has_timeout));
  note.end(second);
  CHECK_FALSE(view_join(thread.index(), &later));
}

TEST_CASE("the view of a hold says all that its slot does") {
  RecordedThread thread;
  const TickAt tick(4712);
  hold(thread.record(), LockWord(reinterpret_cast<const void*>(0x1000), LockKind::rwlock, Access::shared),
       {0x401234, 0x7000, 0});
  const HoldView view = view_of(thread, 0x1000);
  CHECK(view.word.address() == 0x1000);
  CHECK(view.word.kind() == LockKind::rwlock);
  CHECK(view.word.access() == Access::shared);
  CHECK(view.identity.record == thread.index());
  CHECK(view.tid == thread.tid());
  CHECK_FALSE(view.gone);
  CHECK(view.since_ns == 4712);
  CHECK(view.levels == 1);
  REQUIRE(view.site_count == 1);
  CHECK(view.sites[0].pc == 0x401234);
  CHECK(view.sites[0].sp == 0x7000);
  CHECK(view.stack_end == thread.record().stack_end);
  drop(thread, 0x1000);
}

TEST_CASE("there is no view of a free slot, nor of one in a chunk that was never attached") {
  RecordedThread thread;
  HoldView view;
  CHECK_FALSE(view_hold(thread.index(), 0, &view));
  if (thread.record().slot_limit() == kInlineSlots) CHECK_FALSE(view_hold(thread.index(), kInlineSlots, &view));
  CHECK_FALSE(hold_lasts({thread.index(), kHeldSlots - 1, 1}));
}

TEST_CASE("a hold lasts until it is dropped, and the next one in its slot is another") {
  RecordedThread thread;
  hold(thread, 0x1000, 1);
  const HoldView first = view_of(thread, 0x1000);
  CHECK(hold_lasts(first.identity));
  drop(thread, 0x1000);
  CHECK_FALSE(hold_lasts(first.identity));
  hold(thread, 0x1000, 1);
  const HoldView second = view_of(thread, 0x1000);
  REQUIRE(second.identity.slot == first.identity.slot);
  CHECK_FALSE(hold_lasts(first.identity));
  CHECK(hold_lasts(second.identity));
  drop(thread, 0x1000);
}

TEST_CASE("the view of a wait says all that its slot does") {
  RecordedThread thread;
  WaitView view;
  CHECK_FALSE(view_wait(thread.index(), &view));
  HeldSlot* slot = begin_wait(thread.record(), mutex_at(0x1000).with_condition(), {0x401000, 0x7000, 0x7100}, 55);
  REQUIRE(view_wait(thread.index(), &view));
  CHECK(view.word == mutex_at(0x1000).with_condition());
  CHECK(view.tid == thread.tid());
  CHECK(view.since_ns == 55);
  CHECK(view.caller.pc == 0x401000);
  CHECK(view.caller.sp == 0x7000);
  CHECK(view.caller.bp == 0x7100);
  CHECK(view.stack_end == thread.record().stack_end);
  thread.record().drop(*slot);
}

TEST_CASE("a wait lasts until it ends, and the next one is another") {
  RecordedThread thread;
  WaitView first;
  HeldSlot* slot = begin_wait(thread.record(), mutex_at(0x1000));
  REQUIRE(view_wait(thread.index(), &first));
  CHECK(wait_lasts(first.identity));
  thread.record().drop(*slot);
  CHECK_FALSE(wait_lasts(first.identity));
  slot = begin_wait(thread.record(), mutex_at(0x1000));
  CHECK_FALSE(wait_lasts(first.identity));
  thread.record().drop(*slot);
}

TEST_CASE("a walk visits the holds up to a tick, and returns when the oldest of the others began") {
  RecordedThread first;
  RecordedThread second;
  hold(first, 0x1000, 10);
  hold(first, 0x2000, 40);
  hold(second, 0x3000, 20);
  hold(second, 0x4000, 30);
  CHECK(walk_holds(20).visited == std::multiset<uintptr_t>{0x1000, 0x3000});
  CHECK(walk_holds(20).oldest_other_ns == 30);
  CHECK(walk_holds(9).visited.empty());
  CHECK(walk_holds(9).oldest_other_ns == 10);
  CHECK(walk_holds(40).visited.size() == 4);
  CHECK(walk_holds(40).oldest_other_ns == UINT64_MAX);
  for (const uintptr_t lock : {0x1000u, 0x2000u}) drop(first, lock);
  for (const uintptr_t lock : {0x3000u, 0x4000u}) drop(second, lock);
  CHECK(walk_holds(UINT64_MAX).visited.empty());
}

TEST_CASE("a walk visits overflow slots too") {
  refill_spares(false);
  RecordedThread thread;
  for (uintptr_t lock = 1; lock <= kInlineSlots + 70; ++lock) hold(thread, lock * 64, lock * 4);
  const Walked walked = walk_holds((kInlineSlots + 50) * 4);
  CHECK(walked.visited.size() == kInlineSlots + 50);
  CHECK(walked.oldest_other_ns == (kInlineSlots + 51) * 4);
  for (uintptr_t lock = 1; lock <= kInlineSlots + 70; ++lock) drop(thread, lock * 64);
}

TEST_CASE("a walk visits the waits up to a tick, and returns when the oldest of the others began") {
  RecordedThread threads[3];
  for (uintptr_t i = 0; i < 3; ++i) begin_wait(threads[i].record(), mutex_at(0x1000 + 64 * i), {}, 10 * (i + 1));
  CHECK(walk_waits(10).visited == std::multiset<uintptr_t>{0x1000});
  CHECK(walk_waits(10).oldest_other_ns == 20);
  CHECK(walk_waits(30).visited.size() == 3);
  CHECK(walk_waits(30).oldest_other_ns == UINT64_MAX);
  for (RecordedThread& thread : threads) thread.record().clear();
  CHECK(walk_waits(30).visited.empty());
}

TEST_CASE("a hold whose thread has exited is still visited, as gone") {
  RecordedThread thread;
  hold(thread, 0x1000, 1);
  const HoldView before = view_of(thread, 0x1000);
  thread.exit();
  CHECK(view_of(thread, 0x1000).gone);
  CHECK(walk_holds(1).visited == std::multiset<uintptr_t>{0x1000});
  CHECK(hold_lasts(before.identity));
  drop(thread, 0x1000);
  reclaim_gone(thread.record());
}

TEST_CASE("packed call sites unpack to the addresses and stack pointers they were made of") {
  HeldSlot slot;
  slot.pc = 0x401000;
  slot.sp = 0x7fff00000000;
  CallerNotes notes;
  slot.set_noted(2);
  notes.sites[0] = 0x7f0000401111 | uint64_t{3} << 48;
  notes.sites[1] = 0x402222 | uint64_t{65535} << 48;
  HoldView view{};
  view_callers(slot, notes, &view);
  REQUIRE(view.site_count == 3);
  CHECK(view.word_count == 0);
  const CallSite* sites = view.sites;
  CHECK(sites[0].pc == 0x401000);
  CHECK(sites[0].sp == 0x7fff00000000);
  CHECK(sites[1].pc == 0x7f0000401111);
  CHECK(sites[1].sp == 0x7fff00000000 + 3 * 8);
  CHECK(sites[2].pc == 0x402222);
  CHECK(sites[2].sp == 0x7fff00000000 + 65535 * 8);
}

TEST_CASE("a count of call sites that is too large, as a torn read may give it, is cut") {
  HeldSlot slot;
  CallerNotes notes;
  slot.set_noted(UINT32_MAX);
  HoldView view{};
  view_callers(slot, notes, &view);
  CHECK(view.site_count == kPackedSites + 1);
  CHECK(view.word_count == kNotedWords);
}

TEST_CASE_METHOD(NoSiteIsKnown, "the stack copy of a hold is to be had while it lasts, as much as fits") {
  refill_spares(true);
  RecordedThread thread;
  thread.run([&] {
    uint64_t words[64] = {};
    words[0] = 0x1234567890;
    const Caller caller{0x401000, reinterpret_cast<uintptr_t>(words), 0};
    g_clock_line.extras = kReadTsc;
    hold(thread.record(), mutex_at(0x1000), caller);
    g_clock_line.extras = kCopyAlways;
    hold(thread.record(), mutex_at(0x2000), caller);
    g_clock_line.extras = 0;
  });
  const Identity without_copy = view_of(thread, 0x1000).identity;
  const Identity with_copy = view_of(thread, 0x2000).identity;
  uint64_t words[2] = {};
  CHECK(copy_acquired_stack(without_copy, words, sizeof words) == 0);
  CHECK(copy_acquired_stack(with_copy, words, sizeof words) == sizeof words);
  CHECK(words[0] == 0x1234567890);
  drop(thread, 0x2000);
  CHECK(copy_acquired_stack(with_copy, words, sizeof words) == 0);
  drop(thread, 0x1000);
}

}  // namespace
}  // namespace holdwatch
