// An rwlock that is unlocked without a hold: its count of readers wraps around, and the next writer waits for readers that
// are not there. Reported after LIMIT as corrupt, also while a reader that still got it makes the count zero; the unlocks
// themselves are reported when they happen.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s HOLDWATCH_REPEAT=0
// EXPECT: thread \d+ "\w+" has waited .* for rwlock L\d to write, which was unlocked more often than locked \(limit 300 ms\); its count of readers is impossible
// EXPECT-JSON: [(event["event"], event["phase"]) for event in e] == [("stray_unlock", "late")] * 2 + [("corrupt", "over")] * 2
// EXPECT-JSON: waited_by(e) == {"writer", "late"} and all(event["holders"] == [] for event in e[2:])
// EXPECT-JSON: all(300 * ms <= event["waiters"][0]["longest_ns"] and event["limit_ns"] == 300 * ms for event in e[2:])
#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_rwlock_t g_alone = PTHREAD_RWLOCK_INITIALIZER;
pthread_rwlock_t g_with_reader = PTHREAD_RWLOCK_INITIALIZER;

// The writer's mark in the word that it sleeps on.
bool is_waited_for(const pthread_rwlock_t& rwlock) {
  return __atomic_load_n(&rwlock.__data.__wrphase_futex, __ATOMIC_RELAXED) == 2;
}

}  // namespace

int main() {
  CHECK(pthread_rwlock_unlock(&g_alone) == 0);
  CHECK(pthread_rwlock_unlock(&g_with_reader) == 0);
  if (!is_watched()) return 0;
  Thread writer("writer", [] { CHECK(pthread_rwlock_wrlock(&g_alone) == 0); });
  Thread late("late", [] { CHECK(pthread_rwlock_wrlock(&g_with_reader) == 0); });
  while (!is_waited_for(g_with_reader)) std::this_thread::sleep_for(1ms);
  Thread("reader", [] { CHECK(pthread_rwlock_rdlock(&g_with_reader) == 0); }).join();
  await_report("corrupt", 2);
  ::_exit(0);
}
