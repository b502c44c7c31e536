// Initializing a lock anew ends what was held there, as allocators do to their locks in the child of a fork: no later
// hold of the lock is taken for a continuation of the old one.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: over == [] and late == []
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  Thread other("other", [] {});
  other.join();
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  CHECK(pthread_mutex_lock(&mutex) == 0);
  CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
  CHECK(pthread_mutex_init(&mutex, nullptr) == 0);
  CHECK(pthread_rwlock_init(&rwlock, nullptr) == 0);
  sleep_past_limit();
  CHECK(pthread_mutex_lock(&mutex) == 0);
  CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
  CHECK(pthread_rwlock_unlock(&rwlock) == 0);
  CHECK(pthread_mutex_unlock(&mutex) == 0);
}
