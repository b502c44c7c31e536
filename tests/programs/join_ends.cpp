// Joins under a lock that end: of a thread that is merely slow, one with a timeout of a thread that waits for the lock,
// and one whose thread is cancelled. None is a deadlock, and the holder says for which thread it waits.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// FORBID: deadlock
// EXPECT: waits for thread \d+ "slow" to exit(, for \d.*)?$
// EXPECT-JSON: doing("patient", r'waits for thread \d+ "slow" to exit')
// EXPECT-JSON: doing("timed", r'waits for thread \d+ "stuck" to exit, (with a timeout|timeout in .*)')
// EXPECT-JSON: doing("cancelled", r'waits for thread \d+ "stuck too" to exit')
// EXPECT-JSON: doing("returned", r'read\(.*') and held_by(e) == {"patient", "timed", "cancelled", "returned"}
#include <ctime>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void take_and_give_back() {
  CHECK(pthread_mutex_lock(&lock) == 0);
  CHECK(pthread_mutex_unlock(&lock) == 0);
}

void join_a_slow_thread() {
  Event release;
  Thread slow("slow", [&] { release.wait(); });
  Thread patient("patient", [&] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    slow.join();
    CHECK(pthread_mutex_unlock(&lock) == 0);
  });
  await_report_of("over", "patient", 1);
  release.fire();
}

// The handle of a thread that takes the lock, and lets it be joined by another.
pthread_t start_stuck(const char* name, Event& go) {
  static const char* its_name;
  static Event* its_go;
  its_name = name;
  its_go = &go;
  pthread_t thread;
  const auto work = [](void*) -> void* {
    pthread_setname_np(pthread_self(), its_name);
    its_go->wait();
    take_and_give_back();
    return nullptr;
  };
  CHECK(pthread_create(&thread, nullptr, work, nullptr) == 0);
  return thread;
}

void join_in_time() {
  Event is_locked;
  const pthread_t stuck = start_stuck("stuck", is_locked);
  Thread timed("timed", [&] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    is_locked.fire();
    do {
      timespec until;
      clock_gettime(CLOCK_REALTIME, &until);
      until.tv_sec += is_watched() ? 3 : 0;
      CHECK(pthread_timedjoin_np(stuck, nullptr, &until) == ETIMEDOUT);
    } while (is_watched() && count_reports_of("over", "timed") == 0);
    CHECK(pthread_mutex_unlock(&lock) == 0);
  });
  timed.join();
  CHECK(pthread_join(stuck, nullptr) == 0);
}

// A thread that joined another once, under the same lock, and now does something else.
void hold_after_a_join() {
  Event release;
  Thread returned("returned", [&] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    std::thread([] {}).join();
    release.wait();
    CHECK(pthread_mutex_unlock(&lock) == 0);
  });
  await_report_of("over", "returned", 1);
  release.fire();
}

// Its cleanup handler gives the lock back.
void cancel_the_join() {
  static Event is_locked, is_over;
  static pthread_t stuck;
  Event go;
  stuck = start_stuck("stuck too", go);
  Thread cancelled("cancelled", [] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    pthread_cleanup_push([](void*) { pthread_mutex_unlock(&lock); }, nullptr);
    is_locked.fire();
    pthread_join(stuck, nullptr);
    pthread_cleanup_pop(0);
  });
  is_locked.wait();
  await_report_of("over", "cancelled", 1);
  CHECK(pthread_cancel(cancelled.handle()) == 0);
  cancelled.join();
  go.fire();
  CHECK(pthread_join(stuck, nullptr) == 0);
}

int main() {
  join_a_slow_thread();
  join_in_time();
  cancel_the_join();
  hold_after_a_join();
}
