// An attempt that fails or times out is no hold, and leaves the record of the thread that has the lock alone.
// RUN-ENV: HOLDWATCH_LIMIT=400ms
// EXPECT-JSON: count(phase="over") == 2 and count(phase="released") == 2
// EXPECT-JSON: held_by(e) == {"holder"} and {event["lock"]["kind"] for event in over} == {"mutex", "rwlock"}
#include <cerrno>
#include <ctime>

#include "tests/programs/harness.h"
using namespace harness;

timespec soon(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  time.tv_nsec += 1'000'000;
  if (time.tv_nsec >= 1'000'000'000) time = {time.tv_sec + 1, 0};
  return time;
}

int main() {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  Event locked, tried, release;
  Thread holder("holder", [&] {
    CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_rwlock_wrlock(&rwlock) == 0);
    locked.fire();
    release.wait();
    CHECK(pthread_rwlock_unlock(&rwlock) == 0 && pthread_mutex_unlock(&mutex) == 0);
  });
  locked.wait();
  Thread unlucky("unlucky", [&] {
    CHECK(pthread_mutex_trylock(&mutex) == EBUSY);
    CHECK(pthread_rwlock_tryrdlock(&rwlock) == EBUSY);
    CHECK(pthread_rwlock_trywrlock(&rwlock) == EBUSY);
    timespec wall = soon(CLOCK_REALTIME), steady = soon(CLOCK_MONOTONIC);
    CHECK(pthread_mutex_timedlock(&mutex, &wall) == ETIMEDOUT);
    CHECK(pthread_rwlock_timedrdlock(&rwlock, &wall) == ETIMEDOUT);
    CHECK(pthread_rwlock_timedwrlock(&rwlock, &wall) == ETIMEDOUT);
    CHECK(pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &steady) == ETIMEDOUT);
    CHECK(pthread_rwlock_clockrdlock(&rwlock, CLOCK_MONOTONIC, &steady) == ETIMEDOUT);
    CHECK(pthread_rwlock_clockwrlock(&rwlock, CLOCK_MONOTONIC, &steady) == ETIMEDOUT);
    tried.fire();
    release.wait();
  });
  tried.wait();
  await_report("over", 2);
  release.fire();
  await_report("released", 2);
}
