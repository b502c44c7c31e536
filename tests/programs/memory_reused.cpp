// A mutex is handed over, destroyed, and its memory becomes another lock: nobody is blamed for the old one.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-NOTHING
#include <new>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  alignas(pthread_rwlock_t) unsigned char memory[sizeof(pthread_rwlock_t)] = {};
  auto* mutex = new (memory) pthread_mutex_t(PTHREAD_MUTEX_INITIALIZER);
  Event locked, done;
  Thread first("first", [&] {
    pthread_mutex_lock(mutex);
    locked.fire();
    done.wait();
  });
  locked.wait();
  CHECK(pthread_mutex_unlock(mutex) == 0);
  CHECK(pthread_mutex_destroy(mutex) == 0);

  auto* rwlock = new (memory) pthread_rwlock_t(PTHREAD_RWLOCK_INITIALIZER);
  Thread second("second", [&] {
    while (!is_watched()) return;
    for (int round = 0; round < 9; ++round) {
      pthread_rwlock_wrlock(rwlock);
      pthread_rwlock_unlock(rwlock);
      std::this_thread::sleep_for(100ms);
    }
  });
  second.join();
  CHECK(pthread_rwlock_destroy(rwlock) == 0);
  done.fire();
}
