// The rules of symbolizer/report/acquisition_stack.h.
#include "symbolizer/report/acquisition_stack.h"

#include <algorithm>

#include <cstring>
#include <string>
#include <vector>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

// Functions begin at multiples of 0x100; below 0x1000 there are none.
uintptr_t function_start(uintptr_t pc) {
  return pc < 0x1000 ? 0 : pc & ~uintptr_t{0xff};
}

struct LiveFrame {
  uintptr_t pc, cfa;
};

RawStack stack_of(const std::vector<LiveFrame>& frames) {
  RawStack stack{};
  stack.complete = true;
  for (const LiveFrame& frame : frames) stack.frames[stack.count++] = {frame.pc, frame.cfa, stack.count == 0};
  return stack;
}

Holder holder_with(const std::vector<CallSite>& sites, const RawStack* now) {
  Holder holder{};
  holder.site_count = static_cast<uint32_t>(sites.size());
  std::copy(sites.begin(), sites.end(), holder.sites);
  holder.now = now;
  return holder;
}

std::vector<uintptr_t> pcs(const RawStack& stack) {
  std::vector<uintptr_t> out;
  for (uint32_t i = 0; i < stack.count; ++i) out.push_back(stack.frames[i].pc);
  return out;
}

using Pcs = std::vector<uintptr_t>;

// send <- Session::send <- broadcast <- on_message <- worker
const RawStack kNow =
    stack_of({{0x5010, 0x7010}, {0x2020, 0x7050}, {0x3043, 0x70a0}, {0x4088, 0x7100}, {0x6140, 0x7200}});

}  // namespace

TEST_CASE("with the lock call inlined into the function, the site and the live frames outside it are the stack") {
  const AcquisitionStack taken = assemble_acquisition_stack(holder_with({{0x3041, 0x7050}}, &kNow), function_start);
  CHECK(pcs(taken.stack) == Pcs{0x3041, 0x4088, 0x6140});
  CHECK(taken.alive_frame == 2);
  CHECK(taken.first_alive == 0);
  CHECK(taken.stack.complete);
  CHECK(std::string(taken.stack.note).empty());
  CHECK(taken.stack.frames[0].cfa == 0x70a0);
  CHECK_FALSE(taken.stack.frames[0].pc_is_exact);
}

TEST_CASE("wrappers that have returned come before the frame that is alive") {
  // __gthread_mutex_lock, lock_guard's constructor, broadcast, and beyond: as a frame-pointer walk finds them at -O0.
  const AcquisitionStack taken = assemble_acquisition_stack(
      holder_with({{0x1110, 0x7000}, {0x1220, 0x7020}, {0x3041, 0x7050}, {0x4088, 0x70a0}}, &kNow), function_start);
  CHECK(pcs(taken.stack) == Pcs{0x1110, 0x1220, 0x3041, 0x4088, 0x6140});
  CHECK(taken.alive_frame == 2);
  CHECK(taken.first_alive == 2);
  CHECK(taken.stack.frames[0].cfa == 0x7020);
}

TEST_CASE("a helper that has returned leaves its call site only, and the note says so") {
  const AcquisitionStack taken = assemble_acquisition_stack(holder_with({{0x1110, 0x7000}}, &kNow), function_start);
  CHECK(pcs(taken.stack) == Pcs{0x1110});
  CHECK(taken.alive_frame == -1);
  CHECK(taken.first_alive == 1);
  CHECK_FALSE(taken.stack.complete);
  CHECK(std::string(taken.stack.note) ==
        "the function that took it has returned, and its callers were not recorded in full");
}

TEST_CASE("a helper that has returned to a caller that is alive gives the whole stack") {
  const AcquisitionStack taken =
      assemble_acquisition_stack(holder_with({{0x1110, 0x7040}, {0x3041, 0x7050}}, &kNow), function_start);
  CHECK(pcs(taken.stack) == Pcs{0x1110, 0x3041, 0x4088, 0x6140});
  CHECK(taken.alive_frame == 2);
}

TEST_CASE("in a recursion the stack pointer shows which activation acquired the lock") {
  const RawStack now =
      stack_of({{0x5010, 0x7010}, {0x3050, 0x7050}, {0x3050, 0x7090}, {0x3050, 0x70d0}, {0x6140, 0x7200}});
  const AcquisitionStack taken = assemble_acquisition_stack(holder_with({{0x3041, 0x7090}}, &now), function_start);
  CHECK(taken.alive_frame == 3);
  CHECK(pcs(taken.stack) == Pcs{0x3041, 0x6140});
  const AcquisitionStack inner = assemble_acquisition_stack(holder_with({{0x3041, 0x7050}}, &now), function_start);
  CHECK(inner.alive_frame == 2);
  CHECK(pcs(inner.stack) == Pcs{0x3041, 0x3050, 0x6140});
}

TEST_CASE("a wrapper that was called again from the next line is not the call that took the lock") {
  // 0x1110 waits for another lock where the first was taken, called by 0x3041's function from 0x3059 now.
  const RawStack now = stack_of({{0x1110, 0x7020}, {0x1220, 0x7050}, {0x3059, 0x70a0}, {0x4088, 0x7100}});
  const AcquisitionStack taken = assemble_acquisition_stack(
      holder_with({{0x1110, 0x7000}, {0x1220, 0x7020}, {0x3041, 0x7050}, {0x4088, 0x70a0}}, &now), function_start);
  CHECK(taken.alive_frame == 2);
  CHECK(taken.first_alive == 2);
  CHECK(pcs(taken.stack) == Pcs{0x1110, 0x1220, 0x3041, 0x4088});
}

TEST_CASE("a frame on another stack, a coroutine's, is not taken for the one that took the lock") {
  RawStack now = stack_of({{0x3059, 0x9070a0}, {0x4088, 0x907100}});
  now.sp = 0x907050;
  const AcquisitionStack taken = assemble_acquisition_stack(holder_with({{0x3041, 0x7050}}, &now), function_start);
  CHECK(taken.alive_frame == -1);
}

TEST_CASE("a frame at the same instructions as then may be a later call: it is not marked") {
  const RawStack now = stack_of({{0x1110, 0x7020}, {0x3041, 0x70a0}, {0x4088, 0x7100}});
  const AcquisitionStack taken = assemble_acquisition_stack(
      holder_with({{0x1110, 0x7000}, {0x3041, 0x7020}, {0x4088, 0x70a0}}, &now), function_start);
  CHECK_FALSE(taken.alive_is_proven);
  CHECK(pcs(taken.stack) == Pcs{0x1110, 0x3041, 0x4088});
}

TEST_CASE("a part of the stack that was captured leads to the frame that is alive") {
  const RawStack part = stack_of({{0x1110, 0x7050}, {0x3041, 0}});
  Holder holder = holder_with({{0x1110, 0x7010}}, &kNow);
  holder.taken = &part;
  holder.taken_is_part = true;
  const AcquisitionStack taken = assemble_acquisition_stack(holder, function_start);
  CHECK(pcs(taken.stack) == Pcs{0x1110, 0x3041, 0x4088, 0x6140});
  CHECK(taken.alive_frame == 2);
  CHECK(taken.first_alive == 1);
  CHECK(taken.stack.complete);
}

TEST_CASE("another function at the place of the acquiring frame is not taken for it") {
  // The stack pointer lies in Session::send's frame, but the site is in a function of its own.
  const AcquisitionStack taken = assemble_acquisition_stack(holder_with({{0x9910, 0x7020}}, &kNow), function_start);
  CHECK(taken.alive_frame == -1);
}

TEST_CASE("sites that a walk over misused frame pointers found are dropped, but the first is always kept") {
  const AcquisitionStack taken = assemble_acquisition_stack(
      holder_with({{0x1110, 0x7000}, {0x0042, 0x7030}, {0x3041, 0x7050}}, &kNow), function_start);
  CHECK(pcs(taken.stack) == Pcs{0x1110, 0x3041, 0x4088, 0x6140});
  const AcquisitionStack unknown =
      assemble_acquisition_stack(holder_with({{0x0010, 0x7050}, {0x0042, 0x7060}}, &kNow), function_start);
  CHECK(pcs(unknown.stack) == Pcs{0x0010});
  CHECK(unknown.alive_frame == -1);
  CHECK(std::string(unknown.stack.note) == "the code that took it has no unwind tables: only the call sites are known");
}

TEST_CASE("a holder that was interrupted in the acquiring function itself") {
  const RawStack now = stack_of({{0x3048, 0x70a0}, {0x4088, 0x7100}});
  const AcquisitionStack taken = assemble_acquisition_stack(holder_with({{0x3041, 0x7050}}, &now), function_start);
  CHECK(taken.alive_frame == 0);
  CHECK(pcs(taken.stack) == Pcs{0x3041, 0x4088});
}

TEST_CASE("the outer part is as complete as the live stack, and inherits its note") {
  RawStack now = kNow;
  now.complete = false;
  std::strcpy(now.note, "stack memory is gone");
  const AcquisitionStack taken = assemble_acquisition_stack(holder_with({{0x3041, 0x7050}}, &now), function_start);
  CHECK_FALSE(taken.stack.complete);
  CHECK(std::string(taken.stack.note) == "stack memory is gone");
}

TEST_CASE("without a live stack the call sites are all there is") {
  const AcquisitionStack taken =
      assemble_acquisition_stack(holder_with({{0x3041, 0x7050}, {0x4088, 0x70a0}}, nullptr), function_start);
  CHECK(pcs(taken.stack) == Pcs{0x3041, 0x4088});
  CHECK(taken.alive_frame == -1);
  CHECK(std::string(taken.stack.note).find("was not captured") != std::string::npos);
  const AcquisitionStack nothing = assemble_acquisition_stack(holder_with({}, nullptr), function_start);
  CHECK(nothing.stack.count == 0);
  CHECK(std::string(nothing.stack.note) == "no call site was recorded");
}

TEST_CASE("a stack captured at the acquisition is used whole, and its live frame is found") {
  const RawStack captured = stack_of({{0x1110, 0x7050}, {0x3041, 0x70a0}, {0x4088, 0x7100}, {0x6140, 0x7200}});
  Holder holder = holder_with({{0x1110, 0x7040}}, &kNow);
  holder.taken = &captured;
  const AcquisitionStack taken = assemble_acquisition_stack(holder, function_start);
  CHECK(pcs(taken.stack) == pcs(captured));
  CHECK(taken.alive_frame == 2);
  CHECK(taken.first_alive == 1);
}

TEST_CASE("more frames than a stack can have are cut off, not written beyond it") {
  RawStack now{};
  now.complete = true;
  now.count = kMaxFrames;
  for (uint32_t i = 0; i < kMaxFrames; ++i) now.frames[i] = {0x3050, 0x7000 + 0x10 * (i + 1), false};
  const AcquisitionStack taken = assemble_acquisition_stack(
      holder_with({{0x1110, 0x100}, {0x1220, 0x200}, {0x3041, 0x7000}}, &now), function_start);
  CHECK(taken.stack.count == kMaxFrames);
}
