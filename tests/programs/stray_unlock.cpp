// An unlock of a lock that no thread holds: reported once for each place, with the stack of the unlock, whatever the limit
// is. Not where the lock is held: by another thread, or by a call that no record shows.
// RUN-ENV: HOLDWATCH_LIMIT=60s
// EXPECT: thread \d+ "\w+" unlocked mutex L\d, which no thread held
// EXPECT: release +.*unlock_twice
// EXPECT: thread \d+ "\w+" unlocked rwlock L\d, which no thread held
// EXPECT-JSON: all(event["event"] == "stray_unlock" and event["phase"] == "late" for event in e)
// EXPECT-JSON: sorted(functions(event["holders"][0]["now"])[0].split("::")[-1].split("(")[0] for event in e) == ["unlock_c11", "unlock_checked", "unlock_never_locked", "unlock_read", "unlock_twice"]
// EXPECT-JSON: held_by(e) == {"careless"}
// EXPECT-JSON: all(event["holders"][0]["taken"]["note"] == "it did not hold the lock" for event in e)
#include <threads.h>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t g_rwlock = PTHREAD_RWLOCK_INITIALIZER;
pthread_mutex_t g_other = PTHREAD_MUTEX_INITIALIZER;

[[gnu::noinline]] void unlock_never_locked() {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  CHECK(pthread_mutex_unlock(&mutex) == 0);
}

[[gnu::noinline]] void unlock_twice() {
  CHECK(pthread_mutex_lock(&g_mutex) == 0);
  CHECK(pthread_mutex_unlock(&g_mutex) == 0);
  CHECK(pthread_mutex_unlock(&g_mutex) == 0);
}

[[gnu::noinline]] void unlock_read() {
  CHECK(pthread_rwlock_rdlock(&g_rwlock) == 0);
  CHECK(pthread_rwlock_unlock(&g_rwlock) == 0);
  CHECK(pthread_rwlock_unlock(&g_rwlock) == 0);
}

[[gnu::noinline]] void unlock_checked() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_t mutex;
  CHECK(pthread_mutex_init(&mutex, &attributes) == 0);
  CHECK(pthread_mutex_unlock(&mutex) == EPERM);
}

// Of a kind that says that it is never elided, as any mutex whose type was set to PTHREAD_MUTEX_NORMAL.
[[gnu::noinline]] void unlock_c11() {
  mtx_t mutex;
  CHECK(mtx_init(&mutex, mtx_plain) == thrd_success);
  CHECK(mtx_unlock(&mutex) == thrd_success);
}

// Another thread's, one that is held past the hooks, and a level of a recursive mutex that remains.
void unlock_what_is_held() {
  Thread("taker", [] { CHECK(pthread_mutex_lock(&g_other) == 0); }).join();
  CHECK(pthread_mutex_unlock(&g_other) == 0);
  static pthread_mutex_t unseen = PTHREAD_MUTEX_INITIALIZER;
  unseen.__data.__lock = 1;
  unseen.__data.__owner = gettid();
  unseen.__data.__nusers = 1;
  CHECK(pthread_mutex_unlock(&unseen) == 0);
  pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
  for (int i = 0; i < 20; ++i) CHECK(pthread_mutex_lock(&recursive) == 0);
  for (int i = 0; i < 20; ++i) CHECK(pthread_mutex_unlock(&recursive) == 0);
}

}  // namespace

int main() {
  Event reported;
  Thread careless("careless", [&] {
    unlock_never_locked();
    for (int i = 0; i < 3; ++i) unlock_twice();
    unlock_checked();
    unlock_c11();
    unlock_what_is_held();
    unlock_read();
    reported.wait();
  });
  await_report("stray_unlock late", 5);
  reported.fire();
}
