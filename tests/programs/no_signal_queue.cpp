// No signal may be queued (RLIMIT_SIGPENDING): a running holder cannot be asked where it is, and the report says so.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 1 and holder(over[0])["state"] == "running" and holder(over[0])["now"]["note"] is not None
#include <sys/resource.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  const rlimit none{0, 0};
  CHECK(setrlimit(RLIMIT_SIGPENDING, &none) == 0);
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  std::atomic<bool> stop{false};
  Thread runs("runs", [&] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    while (!stop.load(std::memory_order_relaxed)) {
    }
    CHECK(pthread_mutex_unlock(&lock) == 0);
  });
  await_report("over");
  stop = true;
  await_report("released");
}
