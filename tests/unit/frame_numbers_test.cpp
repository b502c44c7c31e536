// The rules of symbolizer/report/frame_numbers.h.
#include "symbolizer/report/frame_numbers.h"

#include "symbolizer/report/acquisition_stack.h"
#include "symbolizer/report/named_stack.h"
#include "symbolizer/report/stack_text.h"
#include "tests/catch.h"

using namespace holdwatch;

namespace {

std::optional<size_t> doubled(size_t number) {
  return number > 9 ? std::nullopt : std::optional(2 * number);
}

// Of a raw frame 0x1001 become two named ones; 0x2001 is the hook, 0x3001 a lock guard's.
std::vector<Frame> resolve(uintptr_t pc, bool) {
  Frame frame;
  frame.ip = pc;
  frame.module = pc == 0x2001 ? "/usr/lib/libholdwatch.so" : "/usr/bin/app";
  frame.function = pc == 0x3001 ? "std::lock_guard<std::mutex>::lock_guard(std::mutex&)" : "f" + std::to_string(pc);
  if (pc != 0x1001) return {frame};
  Frame inlined = frame;
  inlined.function = "inlined()";
  inlined.inlined = true;
  return {inlined, frame};
}

RawStack stack_of(std::initializer_list<uintptr_t> pcs, const char* note) {
  RawStack stack{};
  for (const uintptr_t pc : pcs) stack.frames[stack.count++] = {pc, 0x7000 + 16 * stack.count, false};
  std::snprintf(stack.note, sizeof stack.note, "%s", note);
  return stack;
}

}  // namespace

TEST_CASE("each frame's number in a note is put in its place") {
  CHECK(with_frame_numbers("the caller of frame 3 is likely", doubled) == "the caller of frame #6 is likely");
  CHECK(with_frame_numbers("frame #1 and frame 12", doubled) == "frame #2 and a frame that is not shown");
  for (const char* other : {"", "deeper than 300 frames, or so", "5 frames", "the frame pointer"})
    CHECK(with_frame_numbers(other, doubled) == other);
}

TEST_CASE("a note counts as the report does: inlined functions, no hooks, no wrappers") {
  const std::function<std::vector<Frame>(uintptr_t, bool)> names = resolve;
  StackNamer namer(names);
  const Stack stack =
      namer.name(stack_of({0x2001, 0x3001, 0x1001, 0x4001}, "the caller of frame 2 is likely; frame 0")).stack;
  REQUIRE(stack.frames.size() == 4);
  CHECK(stack.note == "the caller of frame #2 is likely; a frame that is not shown");
  StackText text;
  const auto rows = text.rows(text.add({&stack, true, {}, nullptr}));
  CHECK(rows[1].starts_with("#1 f4097"));
  CHECK(rows.back() == "(the caller of frame #1 is likely; a frame that is not shown)");
}

TEST_CASE("what the acquisition's stack has of the present one is counted from its own beginning") {
  const RawStack now = stack_of({0x9001, 0x8001, 0x5005, 0x6001}, "the caller of frame 3 is likely");
  Holder holder{};
  holder.now = &now;
  holder.site_count = 1;
  holder.sites[0] = {0x5001, 0x7000 + 16 * 2 + 8};
  const auto function_start = [](uintptr_t pc) { return pc & ~uintptr_t{0xff}; };
  const AcquisitionStack taken = assemble_acquisition_stack(holder, function_start);
  REQUIRE(taken.stack.count == 2);
  CHECK(std::string(taken.stack.note) == "the caller of frame #1 is likely");
}
