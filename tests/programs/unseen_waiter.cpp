// Of those that wait for a lock only one is there, and its call goes past our hooks: it is counted all the same, and a hold that is
// to be told only if somebody waits is told.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s HOLDWATCH_ONLY=contended
// EXPECT: thread \d+ "holder" has held mutex L1 \d+ ms \(limit 300 ms\); 1 thread waits
// EXPECT: a lock call was not seen
// EXPECT-JSON: held_by(over) == {"holder"} and waited_by(over) == {"unseen"}
#include <dlfcn.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  void* libc = dlopen("libc.so.6", RTLD_NOW);
  const auto lock = reinterpret_cast<int (*)(pthread_mutex_t*)>(dlsym(libc, "pthread_mutex_lock"));
  CHECK(lock != nullptr);
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  Event locked, release;
  Thread holder("holder", [&] {
    pthread_mutex_lock(&mutex);
    locked.fire();
    release.wait();
    pthread_mutex_unlock(&mutex);
  });
  locked.wait();
  Thread unseen("unseen", [&] {
    lock(&mutex);
    pthread_mutex_unlock(&mutex);
  });
  unseen.wait_until_blocked_on(mutex);
  await_report("over");
  release.fire();
  await_report("released");
}
