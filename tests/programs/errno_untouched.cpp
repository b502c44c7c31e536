// No lock call changes errno, also while the watch reports: POSIX's lock calls return their errors instead.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: held_by(over) == {"holder"}
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  Event release;
  Thread holder("holder", [&] {
    errno = 1234;
    CHECK(pthread_mutex_lock(&mutex) == 0 && errno == 1234);
    CHECK(pthread_mutex_trylock(&mutex) == EBUSY && errno == 1234);
    CHECK(pthread_rwlock_rdlock(&rwlock) == 0 && errno == 1234);
    CHECK(pthread_rwlock_trywrlock(&rwlock) == EBUSY && errno == 1234);
    release.wait();
    errno = 1234;
    CHECK(pthread_rwlock_unlock(&rwlock) == 0 && errno == 1234);
    CHECK(pthread_mutex_unlock(&mutex) == 0 && errno == 1234);
    CHECK(pthread_mutex_destroy(&mutex) == 0 && errno == 1234);
    CHECK(pthread_rwlock_destroy(&rwlock) == 0 && errno == 1234);
  });
  await_report("over", 2);
  release.fire();
}
