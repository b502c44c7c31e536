// The rules of symbolizer/tools/inspect/wait_graph.h.
#include "symbolizer/tools/inspect/wait_graph.h"

#include "tests/catch.h"

using namespace holdwatch;
using Cycles = std::vector<std::vector<int>>;
using Holders = std::vector<std::vector<int>>;  // by lock

TEST_CASE("two threads that wait for each other are a cycle") {
  WaitGraph graph(Holders{{1}, {2}});
  graph.add_wait(1, 1);
  graph.add_wait(2, 0);
  CHECK(graph.cycles() == Cycles{{1, 2}});
}

TEST_CASE("a thread that waits for itself is a cycle of one") {
  WaitGraph graph(Holders{{7}});
  graph.add_wait(7, 0);
  CHECK(graph.cycles() == Cycles{{7}});
}

TEST_CASE("threads behind a cycle are no part of it, wherever the search begins") {
  WaitGraph graph(Holders{{2}, {3}, {2}});
  graph.add_wait(1, 0);
  graph.add_wait(2, 1);
  graph.add_wait(3, 2);
  graph.add_wait(4, 1);
  CHECK(graph.cycles() == Cycles{{2, 3}});
}

TEST_CASE("of several readers, one that waits itself closes the cycle") {
  WaitGraph graph(Holders{{5, 6, 7}, {1}});
  graph.add_wait(1, 0);
  graph.add_wait(6, 1);
  CHECK(graph.cycles() == Cycles{{1, 6}});
}

TEST_CASE("separate cycles are all found, and none where there is none") {
  WaitGraph graph(Holders{{2}, {1}, {4}, {3}, {9}});
  graph.add_wait(1, 0);
  graph.add_wait(2, 1);
  graph.add_wait(3, 2);
  graph.add_wait(4, 3);
  graph.add_wait(5, 4);
  CHECK(graph.cycles() == Cycles{{1, 2}, {3, 4}});
  CHECK(WaitGraph(Holders{{1}}).cycles().empty());
}

TEST_CASE("a chain ends with a thread that does not wait") {
  WaitGraph graph(Holders{{2}, {3}, {4}, {}});
  graph.add_wait(1, 0);
  graph.add_wait(2, 1);
  graph.add_wait(3, 2);
  CHECK(graph.chain(0) == std::vector<int>{2, 3, 4});
  CHECK(graph.chain(3).empty());
}

TEST_CASE("a chain into a cycle ends where it meets itself") {
  WaitGraph graph(Holders{{2}, {3}, {2}});
  graph.add_wait(1, 0);
  graph.add_wait(2, 1);
  graph.add_wait(3, 2);
  CHECK(graph.chain(0) == std::vector<int>{2, 3, 2});
}

TEST_CASE("a chain of ten thousand threads is followed to its end") {
  constexpr int kCount = 10000;
  std::vector<std::vector<int>> holders(kCount);
  for (int i = 0; i < kCount; ++i) holders[static_cast<size_t>(i)] = {(i + 1) % kCount};
  WaitGraph graph(holders);
  for (int i = 0; i < kCount; ++i) graph.add_wait(i, static_cast<size_t>(i));
  const Cycles cycles = graph.cycles();
  REQUIRE(cycles.size() == 1);
  CHECK(cycles[0].size() == kCount);
}

TEST_CASE("of several holders, one that waits for nobody is followed, and before it one that is asked for") {
  WaitGraph graph(Holders{{1, 2, 3}, {4}});
  graph.add_wait(1, 1);
  CHECK(graph.holder_on_way(0) == 2);
  CHECK(graph.chain(0) == std::vector<int>{2});
  graph.follow_first({1});
  CHECK(graph.chain(0) == std::vector<int>{1, 4});
  CHECK(WaitGraph(Holders{{}}).holder_on_way(0) == WaitGraph::kNobody);
}
