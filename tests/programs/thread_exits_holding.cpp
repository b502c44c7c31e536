// A thread that ends with a lock in its hands is named as the holder that is gone, to whoever waits for it: abandoned after
// LIMIT, for nobody can give the lock back.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=20s
// EXPECT: thread \d+ "careless" exited while holding mutex L1, \d+ ms so far \(limit 200 ms\); 1 thread waits
// EXPECT-JSON: {event["event"] for event in e} == {"abandoned"} and len(over) == 1
// EXPECT-JSON: held_by(e) == {"careless"} and all(holder(event)["state"] == "gone" for event in e)
// EXPECT-JSON: waited_by(over) == {"waiter"}
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
