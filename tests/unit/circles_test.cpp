// Each case deadlocks (or not quite) real threads on real locks, in a child of fork, since nobody can free them again.
#include "shim/watch/circles.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>

#include "shim/capture/task_files.h"
#include "shim/watch/blocked_thread.h"
#include "tests/catch.h"
#include "tests/unit/in_child.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

// Exit statuses of the children.
enum Found : int { kNothing = 40, kUnproven, kProven };

// A lock call's frame: below its caller's stack pointer stands where it returns to.
struct Frame {
  uintptr_t return_address = 0x401000;
  Caller caller() const { return {return_address, reinterpret_cast<uintptr_t>(this + 1), 0}; }
};

struct Scene {
  pthread_mutex_t mutexes[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
  RecordedThread threads[2];
  Frame frames[2];
  std::unique_ptr<CircleSearch> search = std::make_unique<CircleSearch>();
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  HolderState holders[kMaxHolders] = {};
  Found found = kNothing;

  Scene() {
    timing->set_limits({1'000'000'000, 1'000'000'000, 1'000'000'000});
    timing->advance();
    for (int i = 0; i < 2; ++i)
      threads[i].run([&, i] {
        pthread_mutex_lock(&mutexes[i]);
        hold(threads[i].record(), word(i), {0x401000, 0, 0});
      });
  }

  LockWord word(int i) { return {&mutexes[i], LockKind::mutex, Access::exclusive}; }
  void note_wait(int thread, LockWord lock) {
    threads[thread].run([&] { begin_wait(threads[thread].record(), lock, frames[thread].caller()); });
  }
  // From here on the thread sleeps for the mutex, or does something else for ever.
  void block(int thread, int mutex) {
    threads[thread].start([&, mutex] { pthread_mutex_lock(&mutexes[mutex]); });
    await_call(thread, SYS_futex);
  }
  void do_something_else(int thread) {
    threads[thread].start([] { pause(); });
    await_call(thread, SYS_pause);
  }
  void await_call(int thread, long number) {
    SyscallFile file;
    while (read_syscall_file(threads[thread].tid(), &file) != 0 || file.kind != SyscallFile::Kind::in_call ||
           file.call.number != number)
      usleep(1000);
  }
  Found look() {
    read_waits(*search);
    const auto visit = [](void* self, const Circle& circle) {
      Scene& scene = *static_cast<Scene*>(self);
      scene.found = prove_circle(circle, *scene.timing, scene.holders) ? kProven : kUnproven;
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
    for (int i = 0; i < 2; ++i) scene.note_wait(i, scene.word(1 - i)), scene.block(i, 1 - i);
    const Found found = scene.look();
    return found == kProven && circle_lasts(scene.holders, 2) ? kProven : kUnproven;
  });
  CHECK(outcome.status == kProven);
}

TEST_CASE("a thread that is in another system call is not blocked for the lock, whatever its record tells") {
  const Outcome outcome = of_scene([](Scene& scene) {
    for (int i = 0; i < 2; ++i) scene.note_wait(i, scene.word(1 - i));
    scene.block(0, 1);
    scene.do_something_else(1);
    return scene.look();
  });
  CHECK(outcome.status == kUnproven);
}

TEST_CASE("a wait that ends by itself closes no circle") {
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
    for (int i = 0; i < 2; ++i) scene.note_wait(i, scene.word(1 - i)), scene.block(i, 1 - i);
    scene.frames[0].return_address = 0x402000;
    return scene.look();
  });
  CHECK(outcome.status == kUnproven);
}

TEST_CASE("a mutex that its recorded holder has lost proves nothing") {
  const Outcome outcome = of_scene([](Scene& scene) {
    for (int i = 0; i < 2; ++i) scene.note_wait(i, scene.word(1 - i)), scene.block(i, 1 - i);
    scene.mutexes[0].__data.__owner = getpid();
    return scene.look();
  });
  CHECK(outcome.status == kUnproven);
}

TEST_CASE("a circle lasts no longer than each of its waits") {
  const Outcome outcome = of_scene([](Scene& scene) {
    for (int i = 0; i < 2; ++i) scene.note_wait(i, scene.word(1 - i)), scene.block(i, 1 - i);
    if (scene.look() != kProven || !circle_lasts(scene.holders, 2)) return kNothing;
    scene.threads[1].record().clear();
    return circle_lasts(scene.holders, 2) ? kProven : kUnproven;
  });
  CHECK(outcome.status == kUnproven);
}

}  // namespace
}  // namespace holdwatch
