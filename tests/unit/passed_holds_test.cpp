// The rules of symbolizer/report/passed_holds.cpp.
#include "symbolizer/report/passed_holds.h"

#include <memory>
#include <vector>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

Frame frame_of(const char* function, int line, uintptr_t ip) {
  Frame frame;
  frame.ip = ip;
  frame.module = "/srv/cache";
  frame.function = function;
  frame.file = "cache.cpp";
  frame.line = line;
  return frame;
}

// 1 and 2 are two calls in the same line, 3 is std::mutex::lock, 4 has no name.
std::vector<Frame> resolve(uintptr_t pc, bool) {
  if (pc == 3) return {frame_of("std::mutex::lock()", 100, pc)};
  if (pc == 4) return {frame_of("", 0, pc)};
  return {frame_of("Cache::get(int)", 41, pc)};
}

struct Scene {
  std::vector<std::unique_ptr<RawStack>> stacks;
  std::vector<const RawStack*> places;
  std::vector<Passer> passers;
  StackNamer::Resolve by_pc = resolve;

  void add_place(std::vector<uintptr_t> pcs) {
    auto stack = std::make_unique<RawStack>();
    for (const uintptr_t pc : pcs) stack->frames[stack->count++] = {pc, 0, false};
    places.push_back(stack.get());
    stacks.push_back(std::move(stack));
  }
  ReportPassed described(uint64_t holds) {
    PassedBy passed{};
    passed.holds = holds;
    passed.tid = 7;
    passed.places = places.data();
    passed.place_count = places.size();
    passed.passers = passers.data();
    passed.passer_count = passers.size();
    ReportPassed out = describe_passed(passed);
    StackNamer namer(by_pc);
    name_passed(passed, namer, out);
    return out;
  }
};

}  // namespace

TEST_CASE("holds that were taken in the same line are of one site, and each of their threads counts once") {
  Scene scene;
  scene.add_place({1});
  scene.add_place({2});
  scene.passers = {{10, 0, false, 3}, {11, 0, false, 1}, {10, 1, false, 2}};
  const ReportPassed passed = scene.described(8);
  REQUIRE(passed.sites.size() == 1);
  CHECK(passed.sites[0].holds == 6);
  CHECK(passed.sites[0].threads == 2);
  CHECK(passed.sites[0].at.function == "Cache::get(int)");
  CHECK(passed.not_noted() == 2);
}

TEST_CASE("a site is the innermost frame of the program's, if it is known") {
  Scene scene;
  scene.add_place({3, 1});
  scene.add_place({3});
  scene.passers = {{10, 0, false, 5}, {10, 1, false, 4}};
  const ReportPassed passed = scene.described(9);
  REQUIRE(passed.sites.size() == 2);
  CHECK(passed.sites[0].at.function == "Cache::get(int)");
  CHECK(passed.sites[1].at.function == "std::mutex::lock()");
}

TEST_CASE("reading and writing at one place are two sites") {
  Scene scene;
  scene.add_place({1});
  scene.passers = {{10, 0, true, 5}, {10, 0, false, 4}};
  const ReportPassed passed = scene.described(9);
  REQUIRE(passed.sites.size() == 2);
  CHECK(passed.sites[0].access == Access::shared);
}

TEST_CASE("frames without a name are told apart by their addresses") {
  Scene scene;
  scene.by_pc = [](uintptr_t pc, bool) { return std::vector<Frame>{frame_of("", 0, pc)}; };
  scene.add_place({1});
  scene.add_place({2});
  scene.passers = {{10, 0, false, 5}, {10, 1, false, 4}};
  CHECK(scene.described(9).sites.size() == 2);
}

TEST_CASE("a place of which nothing was captured is unknown") {
  Scene scene;
  scene.places.push_back(nullptr);
  scene.passers = {{10, 0, false, 5}};
  const ReportPassed passed = scene.described(5);
  REQUIRE(passed.sites.size() == 1);
  CHECK(passed.sites[0].at.ip == 0);
  CHECK(passed_lines(passed)[1] == "5 taken at an unknown place (1 thread)");
}
