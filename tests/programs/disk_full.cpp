// The log's disk is full: said on standard error, with how much was lost; the program goes on, and so do the JSON lines.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_LOG=/dev/full
// EXPECT: could not be written to /dev/full: No space left on device
// EXPECT-JSON: len(over) == len(released) == 3
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  for (size_t round = 1; round <= 3; ++round) {
    Thread("holder", [&] {
      CHECK(pthread_mutex_lock(&lock) == 0);
      await_report("over", round);
      CHECK(pthread_mutex_unlock(&lock) == 0);
    }).join();
    await_report("released", round);
  }
  std::puts("done");
}
