// Dining philosophers, at tables of 2, 3, 5 and 50: each takes the fork on the left and wants the one on the right. One deadlock
// a table, long before the limit.
// RUN-ENV: HOLDWATCH_LIMIT=1h
// EXPECT: deadlock of 2 threads
// EXPECT: deadlock of 3 threads
// EXPECT: deadlock of 5 threads
// EXPECT: deadlock of 50 threads
// EXPECT-JSON: sorted(len(event["cycle"]) for event in deadlocks if event["phase"] == "over") == [2, 3, 5, 50]
// EXPECT-JSON: all(len({step["tid"] for step in event["cycle"]}) == len(event["cycle"]) for event in deadlocks)
// EXPECT-JSON: {event["event"] for event in e} == {"deadlock"} and all(not event["waiters"] for event in e)
// NO-BARE: without a watch nothing would end it
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

void dine(size_t count) {
  auto* forks = new std::vector<pthread_mutex_t>(count, pthread_mutex_t PTHREAD_MUTEX_INITIALIZER);
  auto* seated = new pthread_barrier_t;
  CHECK(pthread_barrier_init(seated, nullptr, static_cast<unsigned>(count)) == 0);
  for (size_t i = 0; i < count; ++i)
    new Thread("philosopher", [=] {
      CHECK(pthread_mutex_lock(&(*forks)[i]) == 0);
      pthread_barrier_wait(seated);
      pthread_mutex_lock(&(*forks)[(i + 1) % count]);
    });
}

}  // namespace

int main() {
  for (const size_t count : {2u, 3u, 5u, 50u}) dine(count);
  await_report("deadlock", 4);
  std::_Exit(0);
}
