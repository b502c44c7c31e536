// EOWNERDEAD is an acquisition: the thread that gets it has the lock.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: held_by(over) == {"heir"} and held_by(released) == {"heir"}
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

  Event release;
  Thread heir("heir", [&] {
    CHECK(pthread_mutex_lock(&mutex) == EOWNERDEAD);
    CHECK(pthread_mutex_consistent(&mutex) == 0);
    release.wait();
    CHECK(pthread_mutex_unlock(&mutex) == 0);
  });
  await_report("over");
  release.fire();
  await_report("released");
}
