// A try for a lock is dated exactly where lock calls are few, though the watcher sleeps for long then, and though it is made by a
// call that has made many before.
// RUN-ENV: HOLDWATCH_LIMIT=600ms HOLDWATCH_REPEAT=0
// EXPECT-JSON: len(released) == 3 and all(holder(hold)["held_ns"] >= 940 * ms for hold in released)
#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t g_locks[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

OWN_FRAME void try_for(pthread_mutex_t& lock, std::chrono::nanoseconds time) {
  CHECK(pthread_mutex_trylock(&lock) == 0);
  if (time != 0ns) std::this_thread::sleep_for(time);
  pthread_mutex_unlock(&lock);
}

void hold_each() {
  for (int i = 0; i < 100'000; ++i) try_for(g_locks[0], 0ns);
  std::this_thread::sleep_for(1500ms);  // longer than a limit: that calls are few has been seen
  for (pthread_mutex_t& lock : g_locks) {
    try_for(lock, 1000ms);
    std::this_thread::sleep_for(70ms);
  }
}

}  // namespace

int main() {
  std::thread(hold_each).join();
}
