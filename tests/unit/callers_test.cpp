#include "shim/record/callers.h"

#include "shim/record/view.h"
#include "tests/catch.h"
#include "tests/unit/array_stack.h"

namespace holdwatch {
namespace {

// What is noted of callers on a stack that the test fills.
struct NotedOnArray : ArrayStack {
  using ArrayStack::ArrayStack;

  HoldView note(uintptr_t sp, uintptr_t bp) {
    slot.sp = sp;
    slot.bp = bp;
    slot.set_noted(note_callers(notes, {0x401000, sp, bp}, end(), most_links));
    HoldView view{};
    view_callers(slot, notes, &view);
    return view;
  }
  // The call sites beyond the call's own.
  std::vector<CallSite> sites(uintptr_t sp, uintptr_t bp) {
    const HoldView view = note(sp, bp);
    return {view.sites + 1, view.sites + view.site_count};
  }
  uint32_t changed() const { return changed_callers(slot, notes, 0, end()); }

  HeldSlot slot;
  CallerNotes notes;
  uint32_t most_links = kPackedSites;
};

TEST_CASE("frame pointers are followed to the callers' return addresses and stack pointers") {
  NotedOnArray stack(64);
  stack.put_frame(4, stack.at(10), 0x401111);
  stack.put_frame(10, stack.at(30), 0x402222);
  stack.put_frame(30, 0, 0x403333);
  const std::vector<CallSite> sites = stack.sites(stack.at(0), stack.at(4));
  REQUIRE(sites.size() == 3);
  CHECK(sites[0].pc == 0x401111);
  CHECK(sites[0].sp == stack.at(6));
  CHECK(sites[1].pc == 0x402222);
  CHECK(sites[1].sp == stack.at(12));
  CHECK(sites[2].pc == 0x403333);
  CHECK(sites[2].sp == stack.at(32));
}

TEST_CASE("the walk ends after eight callers") {
  NotedOnArray stack(64);
  for (size_t i = 0; i < 12; ++i) stack.put_frame(4 * i, stack.at(4 * (i + 1)), 0x401000 + i);
  const std::vector<CallSite> sites = stack.sites(stack.at(0), stack.at(0));
  REQUIRE(sites.size() == 8);
  CHECK(sites[7].pc == 0x401007);
}

TEST_CASE("an rbp that is no frame pointer begins no walk") {
  NotedOnArray stack(64);
  stack.put_frame(4, stack.at(16), 0x401111);
  stack.put_frame(16, stack.at(62), 0x401111);
  stack.put_frame(62, 0, 0x401111);
  CHECK(stack.sites(stack.at(8), stack.at(16)).size() == 2);      // up to the very last two words
  CHECK(stack.sites(stack.at(8), stack.at(62)).empty());          // one link may be chance
  CHECK(stack.sites(stack.at(8), 0).empty());                     // a counter, say
  CHECK(stack.sites(stack.at(8), stack.at(16) + 4).empty());      // not aligned
  CHECK(stack.sites(stack.at(8), stack.at(4)).empty());           // below sp
  CHECK(stack.sites(stack.at(8), stack.at(63)).empty());          // its return address would lie beyond the stack
  CHECK(stack.sites(stack.at(8), stack.at(64) + 4096).empty());   // beyond the stack
  CHECK(stack.sites(stack.at(8), ~uintptr_t{0} - 4095).empty());  // far beyond
  CHECK(stack.sites(stack.at(8), ~uintptr_t{0} - 7).empty());     // -8: its end wraps round
  CHECK(stack.sites(stack.at(8), ~uintptr_t{0} - 15).empty());    // -16
}

TEST_CASE("a frame chain that leads astray is followed up to there") {
  NotedOnArray stack(64);
  stack.put_frame(10, stack.at(12), 0x400000);
  const auto sites_if_third_frame_is_at = [&](uintptr_t frame) {
    stack.put_frame(12, frame, 0x401111);
    return stack.sites(stack.at(8), stack.at(10)).size();
  };
  stack.put_frame(20, 0, 0x402222);
  CHECK(sites_if_third_frame_is_at(stack.at(20)) == 3);
  CHECK(sites_if_third_frame_is_at(stack.at(12)) == 2);      // itself
  CHECK(sites_if_third_frame_is_at(stack.at(13)) == 2);      // overlapping it
  CHECK(sites_if_third_frame_is_at(stack.at(8)) == 2);       // decreasing
  CHECK(sites_if_third_frame_is_at(stack.at(20) + 1) == 2);  // not aligned
  CHECK(sites_if_third_frame_is_at(stack.at(63)) == 2);
  CHECK(sites_if_third_frame_is_at(stack.at(64)) == 2);
}

TEST_CASE("an invalid return address ends the walk") {
  NotedOnArray stack(64);
  stack.put_frame(10, stack.at(20), 0x401111);
  stack.put_frame(20, stack.at(30), 0x402222);
  stack.put_frame(30, stack.at(40), 0xffff800000401111);
  stack.put_frame(40, 0, 0x403333);
  CHECK(stack.sites(stack.at(8), stack.at(10)).size() == 2);
}

TEST_CASE("a caller further away than the distance can say ends the walk") {
  NotedOnArray stack(80'000);
  constexpr size_t last = UINT16_MAX - 3;
  stack.put_frame(2, stack.at(last), 0x401111);
  stack.put_frame(last, stack.at(last + 2), 0x402222);
  stack.put_frame(last + 2, 0, 0x403333);
  const std::vector<CallSite> sites = stack.sites(stack.at(0), stack.at(2));
  REQUIRE(sites.size() == 2);
  CHECK(sites[1].sp == stack.at(last + 2));
}

TEST_CASE("without frame pointers the words where return addresses lie are noted") {
  NotedOnArray stack(64);
  for (size_t i = 0; i < 64; ++i) stack.words[i] = 1'000 + i;
  const HoldView view = stack.note(stack.at(10), 0x4711);
  CHECK(view.site_count == 1);
  REQUIRE(view.word_count == 8);
  CHECK(view.words[0] == 1'011);
  CHECK(view.words[1] == 1'013);
  CHECK(view.words[7] == 1'025);
  CHECK(view.bp == 0x4711);
}

TEST_CASE("no word beyond the stack is noted") {
  NotedOnArray stack(64);
  CHECK(stack.note(stack.at(60), 0).word_count == 2);
  CHECK(stack.note(stack.at(63), 0).word_count == 0);
  CHECK(stack.note(stack.at(64), 0).word_count == 0);
}

TEST_CASE("no more callers are noted than requested") {
  NotedOnArray stack(64);
  for (size_t i = 0; i < 12; ++i) stack.put_frame(4 * i, stack.at(4 * (i + 1)), 0x401000 + i);
  stack.most_links = 3;
  CHECK(stack.sites(stack.at(0), stack.at(0)).size() == 3);
}

TEST_CASE(
    "of callers that frame pointers led to, those have returned whose return addresses have changed, and those "
    "within") {
  NotedOnArray stack(64);
  stack.put_frame(4, stack.at(10), 0x401111);
  stack.put_frame(10, stack.at(16), 0x402222);
  stack.put_frame(16, 0, 0x403333);
  REQUIRE(stack.sites(stack.at(0), stack.at(4)).size() == 3);
  CHECK(stack.changed() == 0);
  stack.words[4] = 0;
  stack.words[7] = 0x403333;
  CHECK(stack.changed() == 0);
  stack.words[11] = 0x404444;
  CHECK(stack.changed() == 2);
}

TEST_CASE("a call that returns to where a noted function would have is distinguished from others") {
  NotedOnArray stack(64);
  stack.put_frame(4, stack.at(10), 0x401111);
  stack.put_frame(10, 0, 0x402222);
  REQUIRE(stack.sites(stack.at(0), stack.at(4)).size() == 2);
  const auto is_noted = [&](uintptr_t pc, uintptr_t sp) { return was_noted(stack.slot, stack.notes, {pc, sp, 0}); };
  CHECK(is_noted(0x401111, stack.at(6)));
  CHECK(is_noted(0x402222, stack.at(12)));
  CHECK_FALSE(is_noted(0x402222, stack.at(6)));
  CHECK_FALSE(is_noted(0x401111, stack.at(7)));
  for (size_t i = 0; i < 64; ++i) stack.words[i] = 0x405000 + i;
  REQUIRE(stack.note(stack.at(10), 0).word_count == 8);
  CHECK(is_noted(0x405000 + 13, stack.at(14)));
  CHECK_FALSE(is_noted(0x405000 + 12, stack.at(13)));  // no return address can lie there
}

}  // namespace
}  // namespace holdwatch
