#include "shim/record/hold_notes.h"

#include <cstring>

#include "shim/base/clock.h"
#include "shim/record/call_sites.h"
#include "shim/record/spare_memory.h"
#include "tests/catch.h"
#include "tests/unit/no_site_is_known.h"
#include "tests/unit/record_scene.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

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

bool is_copied(const HeldSlot& slot) {
  return (slot.noted() & kCopied) != 0;
}

size_t copied_size(const OwnerRecord& record, const HeldSlot& slot) {
  size_t size = 0;
  record.stack_copy(record.index_of_slot(slot), &size);
  return size;
}

// What an acquisition with the given registers notes of its callers.
uint32_t noted_callers(OwnerRecord& record, uintptr_t sp, uintptr_t pc = 0x401000) {
  hold(record, mutex_at(0x10), {pc, sp, 0});
  HeldSlot* slot = record.find(0x10);
  const uint32_t noted = slot->noted();
  record.drop(*slot);
  return noted;
}

TEST_CASE_METHOD(NoSiteIsKnown,
                 "a hold from a site with few holds has the clock's time, one from a trusted site the tick") {
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

TEST_CASE("where lock calls are few, a hold has the clock's time") {
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

TEST_CASE_METHOD(
    NoSiteIsKnown,
    "callers are noted at sites whose frame may return before the unlock, and only on the thread's own stack") {
  RecordOnArray stack(64);
  CHECK(noted_callers(stack.record, stack.at(0)) == kNotedWords << kWordsShift);
  stack.record.stack_span = 16 * sizeof(uintptr_t);
  CHECK(noted_callers(stack.record, stack.at(32)) == 0);  // sp further down than the stack reaches
  stack.record.stack_span = 64 * sizeof(uintptr_t) + 1;
  stack.record.stack_end = stack.at(24);
  CHECK(noted_callers(stack.record, stack.at(32)) == 0);  // sp above it
  stack.record.stack_end = stack.end();
  note_site(0x401000, SiteKind::returns);
  CHECK(noted_callers(stack.record, stack.at(0)) == kNotedWords << kWordsShift);
  note_that_site_stays(0x402000);
  CHECK(noted_callers(stack.record, stack.at(0), 0x402000) == 0);
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

TEST_CASE_METHOD(NoSiteIsKnown, "an unlock that is a tail call counts as one from the function that it ends") {
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

TEST_CASE_METHOD(NoSiteIsKnown, "the stack is copied at sites that need it, and not at others") {
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

TEST_CASE_METHOD(NoSiteIsKnown, "a slot that is reused without a copy does not have the copy of its former hold") {
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

}  // namespace
}  // namespace holdwatch
