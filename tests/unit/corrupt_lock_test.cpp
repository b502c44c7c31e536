// The rules of shim/inspection/corrupt_lock.h, with the locks of the running libc.
#include "shim/inspection/corrupt_lock.h"

#include <ctime>

#include "tests/catch.h"
#include "tests/shared_locks.h"
#include "tests/unit/await_sleep.h"
#include "tests/unit/in_child.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

// An rwlock, and a thread that waits for it as its record says. To be played in a child of fork: the wait never ends.
struct Scene {
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  RecordedThread thread;
  LockIndex index;

  LockWord wanted(Access access) const { return {&rwlock, LockKind::rwlock, access}; }
  void prefer_writers() { shared_locks::init(rwlock, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP); }
  void wait(Access access, std::function<void()> call) {
    thread.run([&] { begin_wait(thread.record(), wanted(access), {0x401000, 0, 0}); });
    thread.start(std::move(call));
    await_sleep_for(thread.tid(), wanted(access));
  }
  void write() {
    wait(Access::exclusive, [this] { pthread_rwlock_wrlock(&rwlock); });
  }
  void write_with_timeout() {
    wait(Access::exclusive, [this] {
      timespec end{};
      clock_gettime(CLOCK_REALTIME, &end);
      end.tv_sec += 3600;
      pthread_rwlock_timedwrlock(&rwlock, &end);
    });
  }
  void read() {
    wait(Access::shared, [this] { pthread_rwlock_rdlock(&rwlock); });
  }
  bool is_corrupt() { return holdwatch::is_corrupt(wanted(Access::exclusive), index); }
};

bool is_corrupt_after(void (*steps)(Scene&)) {
  const int status = in_child([&] {
                       Scene& scene = *new Scene;
                       steps(scene);
                       return scene.is_corrupt() ? 1 : 2;
                     }).status;
  REQUIRE((status == 1 || status == 2));
  return status == 1;
}

TEST_CASE("an rwlock that was unlocked more often than locked, and that a writer waits for, is corrupt") {
  CHECK(is_corrupt_after([](Scene& scene) {
    pthread_rwlock_unlock(&scene.rwlock);
    scene.write();
  }));
  CHECK(is_corrupt_after([](Scene& scene) {
    for (int i = 0; i < 3; ++i) pthread_rwlock_unlock(&scene.rwlock);
    scene.write();
  }));
  CHECK(is_corrupt_after([](Scene& scene) {
    scene.prefer_writers();
    pthread_rwlock_unlock(&scene.rwlock);
    scene.write();
  }));
}

TEST_CASE("it stays so while a reader has got it, who makes the count zero") {
  CHECK(is_corrupt_after([](Scene& scene) {
    pthread_rwlock_unlock(&scene.rwlock);
    scene.write();
    pthread_rwlock_rdlock(&scene.rwlock);
  }));
}

TEST_CASE("an rwlock that is waited for in order is not corrupt") {
  CHECK_FALSE(is_corrupt_after([](Scene& scene) {
    pthread_rwlock_rdlock(&scene.rwlock);
    scene.write();
  }));
  CHECK_FALSE(is_corrupt_after([](Scene& scene) {
    for (int i = 0; i < 100'000; ++i) pthread_rwlock_rdlock(&scene.rwlock);
    scene.write();
  }));
  CHECK_FALSE(is_corrupt_after([](Scene& scene) {
    scene.prefer_writers();
    pthread_rwlock_rdlock(&scene.rwlock);
    scene.write();
  }));
  CHECK_FALSE(is_corrupt_after([](Scene& scene) {
    pthread_rwlock_wrlock(&scene.rwlock);
    scene.read();
  }));
  CHECK_FALSE(is_corrupt_after([](Scene& scene) {
    pthread_rwlock_wrlock(&scene.rwlock);
    scene.write();
  }));
}

TEST_CASE("a wait that its timeout ends does not make the lock corrupt, nor does a miscount that nobody sleeps for") {
  CHECK_FALSE(is_corrupt_after([](Scene& scene) {
    pthread_rwlock_unlock(&scene.rwlock);
    scene.write_with_timeout();
  }));
  CHECK_FALSE(is_corrupt_after([](Scene& scene) {
    pthread_rwlock_unlock(&scene.rwlock);
    scene.rwlock.__data.__readers |= 2;
    scene.rwlock.__data.__wrphase_futex = 2;
    scene.rwlock.__data.__writers_futex = 1;
    scene.thread.run([&] { begin_wait(scene.thread.record(), scene.wanted(Access::exclusive), {0x401000, 0, 0}); });
  }));
}

}  // namespace
}  // namespace holdwatch
