// The main thread leaves by pthread_exit with a lock: it is held by a thread that has exited.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 1 and over[0]["event"] == "abandoned" and holder(over[0])["state"] == "gone"
#include "tests/programs/harness.h"
using namespace harness;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
int main() {
  CHECK(pthread_mutex_lock(&lock) == 0);
  std::thread([] {
    await_report("abandoned");
    std::puts("done");
  }).detach();
  pthread_exit(nullptr);
}
