// The rules of shim/common/waits/wait_paths.h.
#include "shim/common/waits/wait_paths.h"

#include <vector>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr uint32_t kNone = PathStep::kNone;

struct Wait {
  int tid;
  uint64_t lock;
  PathStep path;
  uint64_t lock_key() const { return lock; }
};

struct Hold {
  uint64_t lock;
  int tid;
  uint64_t lock_key() const { return lock; }
};

// Waits by thread, holds by lock; the path of each wait, with the root's rule: rather one that does not wait.
struct Scene {
  std::vector<Wait> waits;
  std::vector<Hold> holds;

  Scene(std::vector<Wait> some_waits, std::vector<Hold> some_holds) : waits(some_waits), holds(some_holds) {
    WaitPaths paths(waits.data(), waits.size(), holds.data(), holds.size());
    paths.find([](const Hold&, bool is_waiting, const Hold&, bool other) { return !is_waiting && other; });
  }
  // The thread of the last wait on the way; 0 if it leads into a circle.
  int last(size_t wait) const {
    const uint32_t at = waits[wait].path.last;
    return at == kNone ? 0 : waits[at].tid;
  }
};

}  // namespace

TEST_CASE("a path leads from wait to wait up to the thread that does not wait") {
  const Scene scene({{2, 10, {}}, {3, 20, {}}, {4, 30, {}}, {5, 30, {}}}, {{10, 1}, {20, 2}, {30, 3}});
  CHECK(scene.last(3) == 2);
  CHECK(scene.waits[3].path.length == 3);
  CHECK(scene.waits[2].path.length == 3);
  CHECK(scene.waits[1].path.length == 2);
  CHECK(scene.waits[0].path.length == 1);
  CHECK(scene.holds[scene.waits[0].path.hold].tid == 1);
  CHECK(scene.waits[0].path.next == kNone);
}

TEST_CASE("it ends where the holder is not known") {
  const Scene scene({{2, 10, {}}, {3, 20, {}}}, {{20, 2}});
  CHECK(scene.last(1) == 2);
  CHECK(scene.waits[0].path.hold == kNone);
  CHECK(scene.waits[0].path.length == 1);
}

TEST_CASE("a circle, and who is behind it, have no end") {
  const Scene scene({{1, 20, {}}, {2, 10, {}}, {3, 10, {}}, {4, 30, {}}, {6, 50, {}}},
                    {{10, 1}, {20, 2}, {30, 3}, {50, 5}});
  for (const size_t wait : {0u, 1u, 2u, 3u}) CHECK(scene.last(wait) == 0);
  CHECK(scene.last(4) == 6);
}

TEST_CASE("a thread that waits for itself is a circle") {
  const Scene scene({{1, 10, {}}, {2, 10, {}}}, {{10, 1}});
  CHECK(scene.last(0) == 0);
  CHECK(scene.last(1) == 0);
}

TEST_CASE("of several holders the better one is followed") {
  const Scene scene({{2, 20, {}}, {4, 10, {}}}, {{10, 2}, {10, 3}, {20, 1}});
  CHECK(scene.holds[scene.waits[1].path.hold].tid == 3);
  CHECK(scene.waits[1].path.length == 1);
}
