// The rules of shim/watch/cycle_search.h.
#include "shim/watch/cycle_search.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/catch.h"

namespace holdwatch {
namespace {

// Threads and locks by number; what is found comes as lists of threads, each in the circle's order.
class Scene {
 public:
  static constexpr int kWoken = 7;

  void waits(int tid, uintptr_t lock) { search_->add_wait(tid, word(lock)); }
  void waits_in_condition(int tid, uintptr_t mutex) { search_->add_wait(tid, word(mutex).with_condition()); }
  void holds(int tid, uintptr_t lock) { search_->add_hold({word(lock), tid, {static_cast<uint32_t>(tid), 0, lock}}); }

  std::vector<std::vector<int>> circles() {
    found_.clear();
    search_->find([](void* scene, const Circle& circle) { static_cast<Scene*>(scene)->add(circle); }, this,
                  [](int tid, LockWord) { return tid == kWoken; });
    std::sort(found_.begin(), found_.end());
    return found_;
  }

 private:
  static LockWord word(uintptr_t lock) {
    return {reinterpret_cast<const void*>(lock * 64), LockKind::rwlock, Access::shared};
  }

  void add(const Circle& circle) {
    std::vector<int> threads;
    for (size_t i = 0; i < circle.count; ++i) threads.push_back(circle.holds[i].tid);
    std::rotate(threads.begin(), std::min_element(threads.begin(), threads.end()), threads.end());
    found_.push_back(std::move(threads));
  }

  std::unique_ptr<CircleSearch> search_ = std::make_unique<CircleSearch>();
  std::vector<std::vector<int>> found_;
};

using Circles = std::vector<std::vector<int>>;

TEST_CASE("two threads that wait for each other are a circle, in which each waits for the next") {
  Scene scene;
  scene.holds(1, 10);
  scene.holds(2, 20);
  scene.holds(3, 30);
  scene.waits(1, 20);
  scene.waits(2, 30);
  CHECK(scene.circles().empty());
  scene.waits(3, 10);
  CHECK(scene.circles() == Circles{{1, 2, 3}});
}

TEST_CASE("who waits for a circle is not part of it, nor is what its threads hold besides") {
  Scene scene;
  scene.holds(1, 10);
  scene.holds(1, 11);
  scene.holds(2, 20);
  scene.holds(3, 30);
  scene.waits(1, 20);
  scene.waits(2, 10);
  scene.waits(3, 11);
  scene.waits(4, 30);
  CHECK(scene.circles() == Circles{{1, 2}});
}

TEST_CASE("a thread that waits for what it holds is a circle of one") {
  Scene scene;
  scene.holds(1, 10);
  scene.waits(1, 10);
  CHECK(scene.circles() == Circles{{1}});
}

TEST_CASE("of several readers the one that waits closes the circle") {
  Scene scene;
  for (const int reader : {5, 6, 7}) scene.holds(reader, 10);
  scene.holds(1, 20);
  scene.waits(1, 10);
  scene.waits(6, 20);
  CHECK(scene.circles() == Circles{{1, 6}});
}

TEST_CASE("a thread in a condition wait is part of a circle once it has been woken") {
  for (const int tid : {Scene::kWoken, Scene::kWoken + 1}) {
    Scene scene;
    scene.holds(1, 10);
    scene.waits(1, 20);
    scene.holds(tid, 20);
    scene.waits_in_condition(tid, 10);
    CHECK(scene.circles().size() == (tid == Scene::kWoken ? 1 : 0));
  }
}

TEST_CASE("circles that have nothing to do with each other are all found") {
  Scene scene;
  Circles expected;
  for (int i = 0; i < 100; ++i) {
    const int a = 2 * i + 1, b = 2 * i + 2;
    scene.holds(a, static_cast<uintptr_t>(a));
    scene.holds(b, static_cast<uintptr_t>(b));
    scene.waits(a, static_cast<uintptr_t>(b));
    scene.waits(b, static_cast<uintptr_t>(a));
    expected.push_back({a, b});
  }
  CHECK(scene.circles() == expected);
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

TEST_CASE("a chain of any length is no circle, and one at its end is found") {
  CHECK(chain(4000, 9999).circles().empty());
  CHECK(chain(4000, 3999).circles() == Circles{{3999, 4000}});
}

TEST_CASE("a circle that is too long to be told is passed over") {
  CHECK(chain(static_cast<int>(kMaxHolders), 1).circles().size() == 1);
  CHECK(chain(static_cast<int>(kMaxHolders) + 1, 1).circles().empty());
}

TEST_CASE("what there is no room for is left out, and the rest is found") {
  Scene scene;
  scene.holds(1, 1);
  scene.waits(1, 1);
  for (int tid = 2; tid < 20000; ++tid) {
    scene.holds(tid, static_cast<uintptr_t>(tid));
    scene.waits(tid, static_cast<uintptr_t>(tid));
  }
  CHECK(scene.circles().size() == CircleSearch::kMaxWaits);
}

}  // namespace
}  // namespace holdwatch
