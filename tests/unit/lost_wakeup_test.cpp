// The rules of shim/inspection/lost_wakeup.h, with the locks of the running libc.
#include "shim/inspection/lost_wakeup.h"

#include <sys/syscall.h>

#include <csignal>
#include <ctime>

#include "shim/base/clock.h"
#include "tests/catch.h"
#include "tests/shared_locks.h"
#include "tests/unit/await_sleep.h"
#include "tests/unit/in_child.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr uint64_t kLimitNs = 100'000'000;

// A mutex that another thread waits for, as its record says. To be played in a child of fork: the wait never ends.
struct Scene {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  RecordedThread waiter, other;
  LockIndex index;

  LockWord wanted() const { return {&mutex, LockKind::mutex, Access::exclusive}; }
  void wait_with(std::function<void()> call, LockWord word) {
    pthread_mutex_lock(&mutex);
    waiter.run([&] { begin_wait(waiter.record(), word, {0x401000, 0, 0}); });
    waiter.start(std::move(call));
    await_sleep_for(waiter.tid(), wanted());
  }
  void wait() {
    wait_with([this] { pthread_mutex_lock(&mutex); }, wanted());
  }
  void free_it() { __atomic_store_n(&mutex.__data.__lock, 0, __ATOMIC_RELEASE); }
  // What a hundred looks within ten limits show.
  bool is_lost() {
    bool lost = false;
    for (int look = 0; look < 100 && !lost; ++look) {
      lost = is_wakeup_lost(wanted(), index, monotonic_ns(), kLimitNs);
      usleep(kLimitNs / 10'000);
    }
    return lost;
  }
};

bool is_lost_after(void (*steps)(Scene&)) {
  const int status = in_child([&] {
                       Scene& scene = *new Scene;
                       steps(scene);
                       return scene.is_lost() ? 1 : 2;
                     }).status;
  REQUIRE((status == 1 || status == 2));
  return status == 1;
}

TEST_CASE("the wake-up of a thread that sleeps for a free mutex is lost, after the limit") {
  CHECK(is_lost_after([](Scene& scene) {
    scene.wait();
    scene.free_it();
  }));
  const int status = in_child([] {
                       Scene& scene = *new Scene;
                       scene.wait();
                       scene.free_it();
                       const uint64_t since_ns = monotonic_ns();
                       while (!is_wakeup_lost(scene.wanted(), scene.index, monotonic_ns(), kLimitNs)) usleep(1000);
                       return monotonic_ns() - since_ns >= kLimitNs ? 1 : 2;
                     }).status;
  CHECK(status == 1);
}

TEST_CASE("a mutex that is held, or that its waiter gives up in time, has lost none") {
  CHECK_FALSE(is_lost_after([](Scene& scene) { scene.wait(); }));
  CHECK_FALSE(is_lost_after([](Scene& scene) {
    const auto with_timeout = [&scene] {
      timespec end{};
      clock_gettime(CLOCK_REALTIME, &end);
      end.tv_sec += 3600;
      pthread_mutex_timedlock(&scene.mutex, &end);
    };
    scene.wait_with(with_timeout, scene.wanted().with_timeout());
    scene.free_it();
  }));
}

TEST_CASE("nothing is lost while a thread runs, which may be about to wake the waiter") {
  CHECK_FALSE(is_lost_after([](Scene& scene) {
    scene.wait();
    scene.other.start([] {
      while (true) asm volatile("");
    });
    scene.free_it();
  }));
}

TEST_CASE("nothing is lost while a thread is in a signal handler, which may have interrupted its unlock") {
  CHECK_FALSE(is_lost_after([](Scene& scene) {
    scene.wait();
    signal(SIGUSR1, [](int) { pause(); });
    scene.other.start([] { raise(SIGUSR1); });
    await_call(scene.other.tid(), SYS_pause);
    scene.free_it();
  }));
}

TEST_CASE("a mutex of several processes has lost none: another one may be about to wake the waiter") {
  CHECK_FALSE(is_lost_after([](Scene& scene) {
    shared_locks::init(scene.mutex);
    scene.wait();
    scene.free_it();
  }));
}

}  // namespace
}  // namespace holdwatch
