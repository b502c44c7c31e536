// Ten thousand joins, and each result that a join can have: all as without the watch. errno stays as it was.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-NOTHING
#include <threads.h>

#include <ctime>

#include "tests/programs/harness.h"
using namespace harness;

void* give_back(void* argument) {
  return argument;
}

pthread_t start(void* argument, void* (*work)(void*) = give_back) {
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, work, argument) == 0);
  return thread;
}

void join_many() {
  for (uintptr_t i = 0; i < 10'000; ++i) {
    void* result = nullptr;
    CHECK(pthread_join(start(reinterpret_cast<void*>(i)), &result) == 0);
    CHECK(result == reinterpret_cast<void*>(i));
  }
}

void be_refused() {
  CHECK(pthread_join(pthread_self(), nullptr) == EDEADLK);
  static Event release;
  const pthread_t slow = start(nullptr, [](void*) -> void* {
    release.wait();
    return nullptr;
  });
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  CHECK(pthread_timedjoin_np(slow, nullptr, &now) == ETIMEDOUT);
#if __GLIBC_PREREQ(2, 31)
  clock_gettime(CLOCK_MONOTONIC, &now);
  CHECK(pthread_clockjoin_np(slow, nullptr, CLOCK_MONOTONIC, &now) == ETIMEDOUT);
#endif
  release.fire();
  CHECK(pthread_timedjoin_np(slow, nullptr, nullptr) == 0);
}

void join_in_c11() {
  thrd_t thread;
  int result = 0;
  CHECK(thrd_create(
            &thread, [](void*) { return 42; }, nullptr) == thrd_success);
  CHECK(thrd_join(thread, &result) == thrd_success && result == 42);
}

int main() {
  errno = ENOTTY;
  join_many();
  be_refused();
  join_in_c11();
  CHECK(errno == ENOTTY);
}
