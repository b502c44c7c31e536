// A normal mutex may be unlocked by another thread (a kind of semaphore). Its first owner is not blamed afterwards,
// least of all for what a third thread does with the mutex.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: len(over) == 1 and held_by(e) == {"third"}
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  Event locked, release;
  Thread first("first", [&] {
    pthread_mutex_lock(&mutex);
    locked.fire();
    release.wait();
  });
  locked.wait();
  CHECK(pthread_mutex_unlock(&mutex) == 0);
  sleep_past_limit();
  Thread third("third", [&] {
    pthread_mutex_lock(&mutex);
    release.wait();
    pthread_mutex_unlock(&mutex);
  });
  await_report("over");
  release.fire();
  await_report("released");
}
