// The rules of shim/watch/cycle_search.h.
#include "shim/watch/cycle_search.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/catch.h"

namespace holdwatch {
namespace {

// Threads and locks by number; what is found comes as lists of threads, each in the cycle's order.
class Scene {
 public:
  static constexpr int kWoken = 7;

  void waits(int tid, uintptr_t lock) { scan_->add_wait(tid, word(lock)); }
  void waits_in_condition(int tid, uintptr_t mutex) { scan_->add_wait(tid, word(mutex).with_condition()); }
  void joins(int tid, int joined) {
    scan_->add_join(tid, joined);
    scan_->add_hold({{}, joined, {static_cast<uint32_t>(joined), 0, 0}});
  }
  void holds(int tid, uintptr_t lock) { scan_->add_hold({word(lock), tid, {static_cast<uint32_t>(tid), 0, lock}}); }

  std::vector<std::vector<int>> cycles() {
    found_.clear();
    scan_->find([](void* scene, const Cycle& cycle) { static_cast<Scene*>(scene)->add(cycle); }, this,
                [](int tid, LockWord) { return tid == kWoken; });
    std::sort(found_.begin(), found_.end());
    return found_;
  }

 private:
  static LockWord word(uintptr_t lock) {
    return {reinterpret_cast<const void*>(lock * 64), LockKind::rwlock, Access::shared};
  }

  void add(const Cycle& cycle) {
    std::vector<int> threads;
    for (size_t i = 0; i < cycle.count; ++i) threads.push_back(cycle.holds[i].tid);
    std::rotate(threads.begin(), std::min_element(threads.begin(), threads.end()), threads.end());
    found_.push_back(std::move(threads));
  }

  std::unique_ptr<CycleSearch> scan_ = std::make_unique<CycleSearch>();
  std::vector<std::vector<int>> found_;
};

using Cycles = std::vector<std::vector<int>>;

TEST_CASE("two threads that wait for each other are a cycle, in which each waits for the next") {
  Scene scene;
  scene.holds(1, 10);
  scene.holds(2, 20);
  scene.holds(3, 30);
  scene.waits(1, 20);
  scene.waits(2, 30);
  CHECK(scene.cycles().empty());
  scene.waits(3, 10);
  CHECK(scene.cycles() == Cycles{{1, 2, 3}});
}

TEST_CASE("a thread that joins another one waits for it as for a lock") {
  Scene scene;
  scene.holds(1, 10);
  scene.joins(1, 2);
  scene.joins(2, 3);
  CHECK(scene.cycles().empty());
  scene.waits(3, 10);
  CHECK(scene.cycles() == Cycles{{1, 2, 3}});
}

TEST_CASE("a thread that waits for a cycle is not part of it, nor are other locks of its threads") {
  Scene scene;
  scene.holds(1, 10);
  scene.holds(1, 11);
  scene.holds(2, 20);
  scene.holds(3, 30);
  scene.waits(1, 20);
  scene.waits(2, 10);
  scene.waits(3, 11);
  scene.waits(4, 30);
  CHECK(scene.cycles() == Cycles{{1, 2}});
}

TEST_CASE("a thread that waits for what it holds is a cycle of one") {
  Scene scene;
  scene.holds(1, 10);
  scene.waits(1, 10);
  CHECK(scene.cycles() == Cycles{{1}});
}

TEST_CASE("of several readers, only one that waits closes the cycle") {
  Scene scene;
  for (const int reader : {5, 6, 7}) scene.holds(reader, 10);
  scene.holds(1, 20);
  scene.waits(1, 10);
  scene.waits(6, 20);
  CHECK(scene.cycles() == Cycles{{1, 6}});
}

TEST_CASE("a thread in a condition wait is part of a cycle once it has been woken") {
  for (const int tid : {Scene::kWoken, Scene::kWoken + 1}) {
    Scene scene;
    scene.holds(1, 10);
    scene.waits(1, 20);
    scene.holds(tid, 20);
    scene.waits_in_condition(tid, 10);
    CHECK(scene.cycles().size() == (tid == Scene::kWoken ? 1 : 0));
  }
}

TEST_CASE("cycles that have nothing to do with each other are all found") {
  Scene scene;
  Cycles expected;
  for (int i = 0; i < 100; ++i) {
    const int a = 2 * i + 1, b = 2 * i + 2;
    scene.holds(a, static_cast<uintptr_t>(a));
    scene.holds(b, static_cast<uintptr_t>(b));
    scene.waits(a, static_cast<uintptr_t>(b));
    scene.waits(b, static_cast<uintptr_t>(a));
    expected.push_back({a, b});
  }
  CHECK(scene.cycles() == expected);
}

// Thread n waits for what n + 1 holds; the last one for lock `end`.
Scene chain(int length, uintptr_t end) {
  Scene scene;
  for (int tid = 1; tid <= length; ++tid) {
    scene.holds(tid, static_cast<uintptr_t>(tid));
    scene.waits(tid, tid == length ? end : static_cast<uintptr_t>(tid + 1));
  }
  return scene;
}

TEST_CASE("a chain of any length is no cycle, and one at its end is found") {
  CHECK(chain(4000, 9999).cycles().empty());
  CHECK(chain(4000, 3999).cycles() == Cycles{{3999, 4000}});
}

TEST_CASE("a cycle that is too long to report is skipped") {
  CHECK(chain(static_cast<int>(kMaxHolders), 1).cycles().size() == 1);
  CHECK(chain(static_cast<int>(kMaxHolders) + 1, 1).cycles().empty());
}

TEST_CASE("without room for all threads, cycles among the others are found") {
  Scene scene;
  scene.holds(1, 1);
  scene.waits(1, 1);
  for (int tid = 2; tid < 20000; ++tid) {
    scene.holds(tid, static_cast<uintptr_t>(tid));
    scene.waits(tid, static_cast<uintptr_t>(tid));
  }
  CHECK(scene.cycles().size() == CycleSearch::kMaxWaits);
}

}  // namespace
}  // namespace holdwatch
