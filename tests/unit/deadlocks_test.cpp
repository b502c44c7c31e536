// Each case deadlocks (or not quite) real threads on real locks, in a child of fork, since nobody can free them again.
#include "shim/watch/deadlocks.h"

#include <memory>

#include "shim/inspection/blocked_thread.h"
#include "shim/watch/cycle_reading.h"
#include "tests/catch.h"
#include "tests/unit/deadlock_scene.h"
#include "tests/unit/in_child.h"

namespace holdwatch {
namespace {

// Exit statuses of the children.
enum Found : int { kNothing = 40, kUnproven, kProven };

struct Scene : DeadlockScene {
  std::unique_ptr<CycleSearch> search = std::make_unique<CycleSearch>();
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  HolderState holders[kMaxHolders] = {};
  Found found = kNothing;

  Scene() {
    timing->set_limits({1'000'000'000, 1'000'000'000, 1'000'000'000});
    timing->advance();
    take();
  }

  Found look() {
    read_waits(*search, *timing);
    const auto visit = [](void* self, const Cycle& cycle) {
      Scene& scene = *static_cast<Scene*>(self);
      scene.found = prove_cycle(cycle, *scene.timing, scene.holders) ? kProven : kUnproven;
    };
    search->find(visit, this, &has_been_woken);
    return found;
  }
};

// `_exit` in the child: the scene's threads never end.
Outcome of_scene(Found (*play)(Scene& scene)) {
  return in_child([&] { return play(*new Scene); });
}

TEST_CASE("two threads that sleep for each other's mutex are a proven deadlock") {
  const Outcome outcome = of_scene([](Scene& scene) {
    scene.deadlock();
    const Found found = scene.look();
    return found == kProven && cycle_lasts(scene.holders, 2) ? kProven : kUnproven;
  });
  CHECK(outcome.status == kProven);
}

TEST_CASE("a thread in another system call is not blocked on the lock, whatever its record says") {
  const Outcome outcome = of_scene([](Scene& scene) {
    for (int i = 0; i < 2; ++i) scene.note_wait(i, scene.word(1 - i));
    scene.block(0, 1);
    scene.do_something_else(1);
    return scene.look();
  });
  CHECK(outcome.status == kUnproven);
}

TEST_CASE("a wait that ends by itself closes no cycle") {
  const Outcome outcome = of_scene([](Scene& scene) {
    scene.note_wait(0, scene.word(1));
    scene.note_wait(1, scene.word(0).with_timeout());
    for (int i = 0; i < 2; ++i) scene.block(i, 1 - i);
    return scene.look();
  });
  CHECK(outcome.status == kNothing);
}

TEST_CASE("a thread whose wait a handler has left is not blocked, though it sleeps for that mutex") {
  const Outcome outcome = of_scene([](Scene& scene) {
    scene.deadlock();
    scene.frames[0].return_address = 0x402000;
    return scene.look();
  });
  CHECK(outcome.status == kUnproven);
}

TEST_CASE("a mutex that its recorded holder has lost proves nothing") {
  const Outcome outcome = of_scene([](Scene& scene) {
    scene.deadlock();
    scene.mutexes[0].__data.__owner = getpid();
    return scene.look();
  });
  CHECK(outcome.status == kUnproven);
}

TEST_CASE("a cycle lasts no longer than each of its waits") {
  const Outcome outcome = of_scene([](Scene& scene) {
    scene.deadlock();
    if (scene.look() != kProven || !cycle_lasts(scene.holders, 2)) return kNothing;
    scene.threads[1].record().clear();
    return cycle_lasts(scene.holders, 2) ? kProven : kUnproven;
  });
  CHECK(outcome.status == kUnproven);
}

}  // namespace
}  // namespace holdwatch
