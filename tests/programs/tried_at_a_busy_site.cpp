// A try for a lock is dated exactly where lock calls are few, though the watcher sleeps for long then, and though it is made by a
// call that has made many before.
// RUN-ENV: HOLDWATCH_LIMIT=600ms HOLDWATCH_REPEAT=0
// EXPECT-JSON: len(released) == 3 and all(holder(hold)["held_ns"] >= 940 * ms for hold in released)
#include <iterator>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t g_locks[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

// For a second at least, until so many holds have been reported; not at all for none.
OWN_FRAME void try_until(pthread_mutex_t& lock, size_t reports) {
  CHECK(pthread_mutex_trylock(&lock) == 0);
  if (reports != 0) {
    std::this_thread::sleep_for(1s);
    await_report("over", reports);
  }
  pthread_mutex_unlock(&lock);
}

void hold_each() {
  for (int i = 0; i < 100'000; ++i) try_until(g_locks[0], 0);
  std::this_thread::sleep_for(1500ms);  // longer than a limit: that calls are few has been seen
  for (size_t i = 0; i < std::size(g_locks); ++i) {
    try_until(g_locks[i], i + 1);
    std::this_thread::sleep_for(70ms);
  }
}

}  // namespace

int main() {
  std::thread(hold_each).join();
}
