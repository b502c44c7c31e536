// Waiting for a condition is not holding its mutex: idle workers are no finding, in any form of the wait.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=200ms
// EXPECT-NOTHING
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <shared_mutex>

#include "tests/programs/harness.h"
using namespace harness;

timespec in_one_minute(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  time.tv_sec += 60;
  return time;
}

struct Condition {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
  bool done = false;

  template <typename Wait>
  void idle(Wait wait) {
    CHECK(pthread_mutex_lock(&mutex) == 0);
    while (!done) CHECK(wait() == 0);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
  }
  void finish() {
    CHECK(pthread_mutex_lock(&mutex) == 0);
    done = true;
    CHECK(pthread_mutex_unlock(&mutex) == 0);
    CHECK(pthread_cond_broadcast(&changed) == 0);
  }
};

int main() {
  Condition plain, timed, clocked;
  const timespec wall = in_one_minute(CLOCK_REALTIME), steady = in_one_minute(CLOCK_MONOTONIC);
  std::mutex mutex;
  std::shared_mutex shared;
  std::condition_variable changed;
  std::condition_variable_any any_changed;
  bool done = false;

  Thread first("wait", [&] { plain.idle([&] { return pthread_cond_wait(&plain.changed, &plain.mutex); }); });
  Thread second("timedwait",
                [&] { timed.idle([&] { return pthread_cond_timedwait(&timed.changed, &timed.mutex, &wall); }); });
  Thread third("clockwait", [&] {
    clocked.idle([&] { return pthread_cond_clockwait(&clocked.changed, &clocked.mutex, CLOCK_MONOTONIC, &steady); });
  });
  Thread fourth("std wait", [&] {
    std::unique_lock guard(mutex);
    changed.wait(guard, [&] { return done; });
  });
  Thread fifth("std wait_for", [&] {
    std::unique_lock guard(mutex);
    changed.wait_for(guard, 1min, [&] { return done; });
  });
  Thread sixth("any wait", [&] {
    std::shared_lock guard(shared);
    any_changed.wait(guard, [&] { return done; });
  });

  sleep_past_limit();
  for (Condition* condition : {&plain, &timed, &clocked}) condition->finish();
  {
    std::scoped_lock both(mutex, shared);
    done = true;
  }
  changed.notify_all();
  any_changed.notify_all();
}
