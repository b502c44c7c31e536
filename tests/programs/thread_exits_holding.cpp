// A thread that ends with a lock in its hands is named as the holder that is gone, to whoever waits for it.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=400ms
// EXPECT-JSON: any(h["thread"] == "careless" and h["state"] == "gone" for event in e for h in event["holders"])
// EXPECT-JSON: held_by(e) == {"careless"}
#include <cerrno>
#include <ctime>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  Thread("careless", [&] { pthread_mutex_lock(&mutex); }).join();
  Thread waiter("waiter", [&] {
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += is_watched() ? 2 : 0;
    CHECK(pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &until) == ETIMEDOUT);
  });
}
