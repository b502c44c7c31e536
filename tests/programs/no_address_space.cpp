// The address space is used up while the watch runs: the program goes on as it would, and what can be said is said.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: "poor" has held
#include <sys/resource.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  Event start, release;
  Thread poor("poor", [&] {
    start.wait();
    CHECK(pthread_mutex_lock(&lock) == 0);
    release.wait();
    CHECK(pthread_mutex_unlock(&lock) == 0);
  });
  std::this_thread::sleep_for(50ms);  // so that the watch has begun; if it has not, that is another case of the same
  const rlimit none{1 << 20, 1 << 20};
  CHECK(setrlimit(RLIMIT_AS, &none) == 0);
  start.fire();
  const timespec second{1, 0};
  nanosleep(&second, nullptr);
  release.fire();
  poor.join();
  std::puts("done");
}
