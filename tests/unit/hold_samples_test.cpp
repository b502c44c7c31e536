// The rules of symbolizer/report/hold_samples.h.
#include "symbolizer/report/hold_samples.h"

#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

RawStack stack_at(uintptr_t pc) {
  RawStack stack{};
  stack.count = 2;
  stack.frames[0] = {pc, 0x7000, true};
  stack.frames[1] = {0x2000, 0x7100, false};
  return stack;
}

struct Hold {
  HoldSamples samples;
  uint64_t now_ns = 100 * kSecond;
  uint64_t next_ns = 0;

  void take(uintptr_t pc, ThreadState state = ThreadState::blocked, std::optional<uint64_t> switches = 7) {
    const RawStack stack = stack_at(pc);
    next_ns = samples.add({1, 11, 5, now_ns, state, pc == 0 ? nullptr : &stack}, switches);
    now_ns += next_ns;
  }
  SamplesOfHold so_far() { return samples.of(1, 11, 5).value(); }
  size_t at(uintptr_t pc) {
    for (const auto& [stack, count] : so_far().stacks)
      if (stack->frames[0].pc == pc) return count;
    return 0;
  }
};

}  // namespace

TEST_CASE("samples with the same stack are counted together") {
  Hold hold;
  for (const uintptr_t pc : {0x100, 0x100, 0x200, 0x100}) hold.take(pc);
  CHECK(hold.so_far().captured == 4);
  CHECK(hold.so_far().stacks.size() == 2);
  CHECK(hold.at(0x100) == 3);
  CHECK(hold.at(0x200) == 1);
  CHECK(hold.so_far().span_ns == 3 * kSecond);
}

TEST_CASE("a hold has 64 samples at most, at distances that double when there is no more room") {
  Hold hold;
  for (int i = 0; i < 64; ++i) hold.take(0x100);
  CHECK(hold.next_ns == kSecond);
  CHECK(hold.so_far().captured == 64);
  hold.take(0x100);
  CHECK(hold.next_ns == 2 * kSecond);
  CHECK(hold.so_far().captured == 33);
  CHECK(hold.so_far().span_ns == 64 * kSecond);
  for (int i = 0; i < 1000; ++i) {
    hold.take(0x100);
    CHECK(hold.so_far().captured <= 64);
  }
}

TEST_CASE("the shares are those of the time, however long the hold lasts") {
  // A third of the time in one phase, then two thirds in another: 21 minutes together.
  Hold hold;
  const uint64_t began_ns = hold.now_ns;
  while (hold.now_ns < began_ns + 420 * kSecond) hold.take(0x100);
  while (hold.now_ns < began_ns + 1260 * kSecond) hold.take(0x200);
  const double share = static_cast<double>(hold.at(0x100)) / static_cast<double>(hold.so_far().captured);
  CHECK(share > 0.30);
  CHECK(share < 0.37);
  CHECK(hold.so_far().captured >= 32);
}

TEST_CASE("phases that alternate keep their shares when samples are thinned out") {
  Hold hold;
  const uint64_t began_ns = hold.now_ns;
  // A quarter of each 100 s.
  while (hold.now_ns < began_ns + 6400 * kSecond) {
    const bool is_first = (hold.now_ns - began_ns) / kSecond % 100 < 25;
    hold.take(is_first ? 0x100 : 0x200);
  }
  const double share = static_cast<double>(hold.at(0x100)) / static_cast<double>(hold.so_far().captured);
  CHECK(share > 0.15);
  CHECK(share < 0.35);
}

TEST_CASE("a thread is frozen if it has the same stack all the time and has not run") {
  Hold hold;
  hold.take(0x100);
  CHECK_FALSE(hold.so_far().is_frozen);  // one sample shows nothing
  hold.take(0x100);
  CHECK(hold.so_far().is_frozen);
  hold.take(0x100, ThreadState::blocked, 8);
  CHECK_FALSE(hold.so_far().is_frozen);
}

TEST_CASE("a thread is not frozen if it moved, ran, could not be captured, or its switches are unknown") {
  Hold moved, ran, missed, unknown;
  for (Hold* hold : {&moved, &ran, &missed}) hold->take(0x100);
  moved.take(0x200);
  ran.take(0x100, ThreadState::running);
  missed.take(0);
  for (int i = 0; i < 2; ++i) unknown.take(0x100, ThreadState::blocked, std::nullopt);
  for (Hold* hold : {&moved, &ran, &missed, &unknown}) CHECK_FALSE(hold->so_far().is_frozen);
  CHECK(ran.so_far().running == 1);
  CHECK(missed.so_far().captured == 1);
  CHECK(missed.so_far().missed == 1);
}

TEST_CASE("samples belong to one hold: not to the thread's next one") {
  Hold hold;
  hold.take(0x100);
  CHECK_FALSE(hold.samples.of(1, 11, 6));
  CHECK_FALSE(hold.samples.of(1, 12, 5));
  CHECK_FALSE(hold.samples.of(2, 11, 5));
  const RawStack stack = stack_at(0x200);
  hold.samples.add({1, 11, 6, hold.now_ns, ThreadState::blocked, &stack}, 7);
  CHECK_FALSE(hold.samples.of(1, 11, 5));
  CHECK(hold.samples.of(1, 11, 6)->captured == 1);
}

TEST_CASE("of many holds, those of the oldest episodes are forgotten") {
  HoldSamples samples;
  const RawStack stack = stack_at(0x100);
  for (uint64_t episode = 1; episode <= HoldSamples::kMaxHolds + 1; ++episode)
    samples.add({episode, 11, 5, 0, ThreadState::blocked, &stack}, 7);
  CHECK_FALSE(samples.of(1, 11, 5));
  CHECK(samples.of(2, 11, 5));
  samples.forget(2);
  CHECK_FALSE(samples.of(2, 11, 5));
  CHECK(samples.of(3, 11, 5));
}
