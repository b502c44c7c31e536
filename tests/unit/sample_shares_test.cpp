// The rules of symbolizer/report/sample_shares.h.
#include "symbolizer/report/sample_shares.h"

#include "tests/catch.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

namespace {

using Lines = std::vector<std::string>;

struct Call {
  const char* function;
  int line;
};

// Outermost call first, as one writes it down; all in /src/zip.cpp.
SampledStack stack_of(size_t samples, std::initializer_list<Call> calls) {
  SampledStack stack;
  stack.samples = samples;
  for (const Call& call : calls)
    stack.frames.insert(
        stack.frames.begin(),
        {sample_frame(0x401000 + static_cast<uintptr_t>(call.line), call.function, "/src/zip.cpp", call.line), 0});
  return stack;
}

ReportSamples shares(const std::vector<SampledStack>& stacks) {
  ReportSamples samples;
  for (const SampledStack& stack : stacks) samples.captured += stack.samples;
  share_out(stacks, samples);
  return samples;
}

const ReportSampledFunction& share_of(const ReportSamples& samples, const std::string& function) {
  for (const ReportSampledFunction& each : samples.functions)
    if (each.frame.function == function) return each;
  static const ReportSampledFunction none;
  return none;
}

}  // namespace

TEST_CASE("two phases are told apart where their stacks part") {
  const ReportSamples samples =
      shares({stack_of(12, {{"main", 1}, {"archive", 2}, {"pack", 3}, {"compress_block", 88}}),
              stack_of(8, {{"main", 1}, {"archive", 5}, {"flush", 6}, {"write_all", 7}})});
  CHECK(sample_lines(samples) == Lines{"12 of 20 in compress_block (zip.cpp:88), within pack (zip.cpp:3)",
                                       "8 in write_all (zip.cpp:7), within flush (zip.cpp:6)"});
  CHECK(samples.elsewhere == 0);
}

TEST_CASE("the share of each function counts a sample once, and says in how many it was the innermost") {
  const ReportSamples samples =
      shares({stack_of(3, {{"main", 1}, {"walk", 2}, {"walk", 3}, {"walk", 4}}), stack_of(2, {{"main", 1}})});
  CHECK(share_of(samples, "main").samples == 5);
  CHECK(share_of(samples, "main").innermost == 2);
  CHECK(share_of(samples, "walk").samples == 3);
  CHECK(share_of(samples, "walk").innermost == 3);
  CHECK(samples.functions.front().frame.function == "main");
}

TEST_CASE("a line is given only if all samples have it") {
  const ReportSamples samples =
      shares({stack_of(2, {{"main", 1}, {"compress", 88}}), stack_of(2, {{"main", 1}, {"compress", 89}}),
              stack_of(1, {{"main", 1}, {"flush", 5}})});
  CHECK(sample_lines(samples) == Lines{"4 of 5 in compress (zip.cpp)", "1 in flush (zip.cpp:5)"});
  CHECK(share_of(samples, "compress").frame.line == 0);
  CHECK(share_of(samples, "compress").frame.file == "/src/zip.cpp");
}

TEST_CASE("phases within one function are told apart by its lines") {
  const ReportSamples by_line = shares({stack_of(7, {{"main", 1}, {"archive", 10}, {"step", 3}}),
                                        stack_of(3, {{"main", 1}, {"archive", 20}, {"step", 3}})});
  CHECK(sample_lines(by_line) == Lines{"7 of 10 in step (zip.cpp:3), within archive (zip.cpp:10)",
                                       "3 in step (zip.cpp:3), within archive (zip.cpp:20)"});
  std::vector<SampledStack> many;
  for (int line = 10; line < 20; ++line) many.push_back(stack_of(1, {{"main", 1}, {"compress", line}}));
  CHECK(sample_lines(shares(many)) == Lines{"all 10 in compress (zip.cpp)"});
}

TEST_CASE("of many places the largest are listed, and the others counted") {
  std::vector<SampledStack> stacks;
  const char* const names[] = {"a", "b", "c", "d", "e", "f"};
  for (size_t i = 0; i < 6; ++i) stacks.push_back(stack_of(i + 1, {{"main", 1}, {names[i], static_cast<int>(i) + 10}}));
  CHECK(sample_lines(shares(stacks)) == Lines{"6 of 21 in f (zip.cpp:15)", "5 in e (zip.cpp:14)", "4 in d (zip.cpp:13)",
                                              "3 in c (zip.cpp:12)", "3 in other places"});
}

TEST_CASE("a place in which most of the time went is divided further while there is room") {
  const ReportSamples samples =
      shares({stack_of(5, {{"main", 1}, {"pack", 2}, {"read", 3}}), stack_of(4, {{"main", 1}, {"pack", 2}, {"crc", 4}}),
              stack_of(2, {{"main", 1}, {"pack", 2}}), stack_of(1, {{"main", 1}, {"flush", 5}})});
  CHECK(sample_lines(samples) == Lines{"5 of 12 in read (zip.cpp:3), within pack (zip.cpp:2)",
                                       "4 in crc (zip.cpp:4), within pack (zip.cpp:2)", "2 in pack (zip.cpp:2)",
                                       "1 in flush (zip.cpp:5)"});
}

TEST_CASE("a function without a name is known by where it begins") {
  SampledStack first, second;
  for (SampledStack* stack : {&first, &second}) {
    stack->samples = 2;
    stack->frames = {{sample_frame(stack == &first ? 0x401234 : 0x401250, "", "", 0), 0x401200}};
  }
  const ReportSamples samples = shares({first, second});
  CHECK(samples.functions.size() == 1);
  CHECK(samples.functions[0].samples == 4);
  CHECK(samples.functions[0].frame.offset == 0x1200);
}

TEST_CASE("a thread that has not run all the time is frozen") {
  ReportSamples samples = shares({stack_of(20, {{"main", 1}, {"commit", 5}})});
  CHECK(sample_lines(samples) == Lines{"all 20 in commit (zip.cpp:5)"});
  samples.is_frozen = true;
  samples.span_ns = 19 * kSecondNs;
  CHECK(sample_lines(samples) == Lines{"frozen: same stack in all 20 over 19 s, in commit (zip.cpp:5)"});
}

TEST_CASE("a function of libc is shown with the function that called it") {
  SampledStack stack = stack_of(3, {{"main", 1}, {"commit", 5}});
  stack.frames.insert(stack.frames.begin(), {libc_frame(0x7f0000010010, "fsync"), 0});
  CHECK(sample_lines(shares({stack})) == Lines{"all 3 in fsync (libc.so.6), within commit (zip.cpp:5)"});
}

TEST_CASE("one or two samples say nothing new, and those that could not be captured are counted") {
  CHECK(sample_lines(shares({stack_of(2, {{"main", 1}})})).empty());
  CHECK(sample_lines(shares({})).empty());
  ReportSamples samples = shares({stack_of(3, {{"main", 1}})});
  samples.missed = 3;
  CHECK(sample_lines(samples) == Lines{"all 3 in main (zip.cpp:1)", "3 more could not be captured"});
}
