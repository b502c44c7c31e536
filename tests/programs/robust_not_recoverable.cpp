// A robust mutex that is unlocked without being made consistent is lost: ENOTRECOVERABLE is no acquisition.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-NOTHING
#include <cerrno>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutexattr_t attributes;
  pthread_mutex_t mutex;
  CHECK(pthread_mutexattr_init(&attributes) == 0);
  CHECK(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
  CHECK(pthread_mutex_init(&mutex, &attributes) == 0);
  Thread("mortal", [&] { CHECK(pthread_mutex_lock(&mutex) == 0); }).join();
  Thread("careless", [&] {
    CHECK(pthread_mutex_lock(&mutex) == EOWNERDEAD);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
  }).join();
  Thread last("last", [&] {
    CHECK(pthread_mutex_lock(&mutex) == ENOTRECOVERABLE);
    sleep_past_limit();
  });
}
