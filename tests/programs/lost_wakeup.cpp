// Locks that are free while threads sleep for them, because something other than an unlock freed them: reported after
// LIMIT. Not a lock that is free because its waiters have a timeout or are stopped.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s HOLDWATCH_REPEAT=0
// EXPECT: thread \d+ "\w+" has waited .* for mutex L\d, which is free \(limit 300 ms\); nobody wakes it
// EXPECT-JSON: sorted((event["event"], event["phase"], event["lock"]["kind"]) for event in e) == [("lost_wakeup", "over", "mutex")] * 2 + [("lost_wakeup", "over", "rwlock")]
// EXPECT-JSON: waited_by(e) == {"cleared", "stored", "writer"} and all(event["holders"] == [] for event in e)
// EXPECT-JSON: all(event["limit_ns"] == 300 * ms <= event["waiters"][0]["longest_ns"] for event in e)
#include <cstring>
#include <ctime>

#include "tests/futex_sleep.h"
#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t g_cleared = PTHREAD_MUTEX_INITIALIZER, g_stored = PTHREAD_MUTEX_INITIALIZER,
                g_timed = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t g_rwlock = PTHREAD_RWLOCK_INITIALIZER;

}  // namespace

int main() {
  if (!is_watched()) return 0;
  CHECK(pthread_mutex_lock(&g_cleared) == 0);
  CHECK(pthread_mutex_lock(&g_stored) == 0);
  CHECK(pthread_mutex_lock(&g_timed) == 0);
  CHECK(pthread_rwlock_rdlock(&g_rwlock) == 0);
  Thread cleared("cleared", [] { pthread_mutex_lock(&g_cleared); });
  Thread stored("stored", [] { pthread_mutex_lock(&g_stored); });
  Thread writer("writer", [] { pthread_rwlock_wrlock(&g_rwlock); });
  Thread timed("timed", [] {
    timespec end{};
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 3600;
    pthread_mutex_timedlock(&g_timed, &end);
  });
  for (const pthread_mutex_t* mutex : {&g_cleared, &g_stored, &g_timed}) await_sleep_on(mutex);
  await_sleep_on(&g_rwlock.__data.__wrphase_futex);
  std::memset(&g_cleared, 0, sizeof g_cleared);
  __atomic_store_n(&g_stored.__data.__lock, 0, __ATOMIC_RELEASE);
  __atomic_store_n(&g_timed.__data.__lock, 0, __ATOMIC_RELEASE);
  std::memset(&g_rwlock, 0, sizeof g_rwlock);
  await_report("lost_wakeup", 3);
  ::_exit(0);
}
