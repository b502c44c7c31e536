// Every function that takes a lock is seen to take it, whether it waits, tries or has a deadline.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: count(phase="over") == 12 and count(phase="released") == 12
// EXPECT-JSON: held_by(over) == {"lock", "trylock", "timedlock", "clocklock", "rdlock", "tryrdlock", "timedrdlock",
//     "clockrdlock", "wrlock", "trywrlock", "timedwrlock", "clockwrlock"}
// EXPECT-JSON: all((holder(event)["mode"] == "shared") == ("rd" in holder(event)["thread"]) for event in over)
// EXPECT-JSON: all((event["lock"]["kind"] == "mutex") == (holder(event)["thread"] in ("lock", "trylock",
//     "timedlock", "clocklock")) for event in over)
#include <ctime>
#include <deque>

#include "tests/programs/harness.h"
using namespace harness;

constexpr timespec kNoDeadline{1L << 33, 0};
Event release;

template <typename Acquire>
void hold_mutex(Acquire acquire) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  CHECK(acquire(&mutex) == 0);
  release.wait();
  CHECK(pthread_mutex_unlock(&mutex) == 0);
}

template <typename Acquire>
void hold_rwlock(Acquire acquire) {
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  CHECK(acquire(&rwlock) == 0);
  release.wait();
  CHECK(pthread_rwlock_unlock(&rwlock) == 0);
}

int main() {
  using Mutex = pthread_mutex_t*;
  using Rwlock = pthread_rwlock_t*;
  const auto* until = &kNoDeadline;
  const auto clock = CLOCK_MONOTONIC;
  std::deque<Thread> threads;
  auto mutex = [&](const char* name, auto acquire) { threads.emplace_back(name, [=] { hold_mutex(acquire); }); };
  auto rwlock = [&](const char* name, auto acquire) { threads.emplace_back(name, [=] { hold_rwlock(acquire); }); };

  mutex("lock", [](Mutex m) { return pthread_mutex_lock(m); });
  mutex("trylock", [](Mutex m) { return pthread_mutex_trylock(m); });
  mutex("timedlock", [=](Mutex m) { return pthread_mutex_timedlock(m, until); });
  mutex("clocklock", [=](Mutex m) { return pthread_mutex_clocklock(m, clock, until); });
  rwlock("rdlock", [](Rwlock l) { return pthread_rwlock_rdlock(l); });
  rwlock("tryrdlock", [](Rwlock l) { return pthread_rwlock_tryrdlock(l); });
  rwlock("timedrdlock", [=](Rwlock l) { return pthread_rwlock_timedrdlock(l, until); });
  rwlock("clockrdlock", [=](Rwlock l) { return pthread_rwlock_clockrdlock(l, clock, until); });
  rwlock("wrlock", [](Rwlock l) { return pthread_rwlock_wrlock(l); });
  rwlock("trywrlock", [](Rwlock l) { return pthread_rwlock_trywrlock(l); });
  rwlock("timedwrlock", [=](Rwlock l) { return pthread_rwlock_timedwrlock(l, until); });
  rwlock("clockwrlock", [=](Rwlock l) { return pthread_rwlock_clockwrlock(l, clock, until); });

  await_report("over", threads.size());
  release.fire();
  await_report("released", threads.size());
  threads.clear();
}
