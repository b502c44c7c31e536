// Every form with a deadline ends with ETIMEDOUT, not before its time, and a deadline that is no time is refused: with the
// watch looking on all the while.
// RUN-ENV: HOLDWATCH_LIMIT=50ms HOLDWATCH_WAIT_LIMIT=20ms HOLDWATCH_LOG=none HOLDWATCH_REPEAT=1
// EXPECT-JSON: held_by(over) >= {"holder"}
#include <threads.h>

#include <array>
#include <ctime>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

constexpr long kWait = 150'000'000;
constexpr timespec kNever{1L << 33, 0};

timespec in_a_while(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  time.tv_nsec += kWait;
  if (time.tv_nsec >= 1'000'000'000) ++time.tv_sec, time.tv_nsec -= 1'000'000'000;
  return time;
}

bool before(const timespec& a, const timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

template <typename Call>
void expect_timeout(const char* name, clockid_t clock, Call call) {
  const timespec deadline = in_a_while(clock);
  errno = 77;
  const int result = call(&deadline);
  const bool errno_kept = errno == 77;
  timespec now;
  clock_gettime(clock, &now);
  const timespec invalid{deadline.tv_sec, 1'000'000'000};
  std::printf("%s: %d, %s, errno %s, invalid: %d\n", name, result, before(now, deadline) ? "too early" : "on time",
              errno_kept ? "kept" : "changed", call(&invalid));
}

int main() {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, own = PTHREAD_MUTEX_INITIALIZER;
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
  mtx_t c11_mutex, c11_own;
  cnd_t c11_cond;
  CHECK(mtx_init(&c11_mutex, mtx_timed) == thrd_success && mtx_init(&c11_own, mtx_plain) == thrd_success);
  CHECK(cnd_init(&c11_cond) == thrd_success);
  Event locked, release;
  Thread holder("holder", [&] {
    CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_rwlock_wrlock(&rwlock) == 0 && mtx_lock(&c11_mutex) == 0);
    locked.fire();
    release.wait();
    CHECK(pthread_mutex_unlock(&mutex) == 0 && pthread_rwlock_unlock(&rwlock) == 0 && mtx_unlock(&c11_mutex) == 0);
  });
  locked.wait();
  const clockid_t real = CLOCK_REALTIME, steady = CLOCK_MONOTONIC;
  expect_timeout("timedlock", real, [&](auto* until) { return pthread_mutex_timedlock(&mutex, until); });
  expect_timeout("clocklock", steady, [&](auto* until) { return pthread_mutex_clocklock(&mutex, steady, until); });
  expect_timeout("timedrdlock", real, [&](auto* until) { return pthread_rwlock_timedrdlock(&rwlock, until); });
  expect_timeout("timedwrlock", real, [&](auto* until) { return pthread_rwlock_timedwrlock(&rwlock, until); });
  expect_timeout("clockrdlock", steady,
                 [&](auto* until) { return pthread_rwlock_clockrdlock(&rwlock, steady, until); });
  expect_timeout("clockwrlock", steady,
                 [&](auto* until) { return pthread_rwlock_clockwrlock(&rwlock, steady, until); });
  expect_timeout("mtx_timedlock", real, [&](auto* until) { return mtx_timedlock(&c11_mutex, until); });
  CHECK(pthread_mutex_lock(&own) == 0 && mtx_lock(&c11_own) == thrd_success);
  expect_timeout("cond_timedwait", real, [&](auto* until) { return pthread_cond_timedwait(&cond, &own, until); });
  expect_timeout("cond_clockwait", steady,
                 [&](auto* until) { return pthread_cond_clockwait(&cond, &own, steady, until); });
  expect_timeout("cnd_timedwait", real, [&](auto* until) { return cnd_timedwait(&c11_cond, &c11_own, until); });
  CHECK(pthread_mutex_unlock(&own) == 0 && mtx_unlock(&c11_own) == thrd_success);
  std::printf("bad clock: %d\n", pthread_mutex_clocklock(&mutex, CLOCK_PROCESS_CPUTIME_ID, &kNever));
  await_report("over");
  release.fire();
}
