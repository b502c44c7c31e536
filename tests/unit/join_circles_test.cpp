// The rules of shim/watch/join_circles.h, on random joins, against a walk from each thread.
#include "shim/watch/join_circles.h"

#include <map>
#include <random>
#include <set>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

using Joins = std::map<int, int>;  // by thread: whom it joins

std::set<int> found_in(const Joins& joins) {
  JoinCircles circles;
  for (const auto& [tid, joined] : joins) circles.add(tid, joined);
  std::set<int> found;
  circles.for_each([&](int tid) { found.insert(tid); });
  return found;
}

// Whether it leads from thread to thread without end.
bool has_no_end(const Joins& joins, int tid) {
  for (size_t steps = 0; steps <= joins.size(); ++steps) {
    const auto at = joins.find(tid);
    if (at == joins.end()) return false;
    tid = at->second;
  }
  return true;
}

}  // namespace

TEST_CASE("a circle of joins is found, and what leads out of it is not") {
  CHECK(found_in({{1, 2}, {2, 3}, {3, 1}, {4, 5}, {5, 6}}) == std::set{1, 2, 3});
  CHECK(found_in({{1, 2}, {2, 3}, {3, 4}}).empty());
  CHECK(found_in({{1, 0}, {2, 0}, {3, 0}}).empty());  // joined by nobody who is known
}

TEST_CASE("of random joins, those without an end are found") {
  std::mt19937 random(1);
  const auto below = [&](int end) { return std::uniform_int_distribution<int>(0, end - 1)(random); };
  for (int round = 0; round < 5000; ++round) {
    const int threads = 3 + below(10);
    Joins joins;
    for (int tid = 1; tid <= threads; ++tid)
      if (below(4) != 0) joins[tid] = 1 + below(threads);
    std::set<int> expected;
    for (const auto& [tid, joined] : joins)
      if (has_no_end(joins, tid)) expected.insert(tid);
    REQUIRE(found_in(joins) == expected);
  }
}
