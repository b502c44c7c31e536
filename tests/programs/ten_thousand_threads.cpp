// Ten thousand threads at once, each with a lock of its own: the one that keeps its lock beyond the limit is reported, and of the
// others none before it has had its lock for as long, which they do only where the machine takes that long to start them all.
// RUN-ENV: HOLDWATCH_LIMIT=5s
// EXPECT-JSON: "keeper" in held_by(e) and all(holder(event)["held_ns"] >= event["limit_ns"] == 5000 * ms for event in over)
#include <deque>

#include "tests/programs/harness.h"
using namespace harness;

constexpr int kThreads = 10'000;
pthread_barrier_t all_hold, all_done;

void* holds_own(void*) {
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  CHECK(pthread_mutex_lock(&own) == 0);
  pthread_barrier_wait(&all_hold);
  CHECK(pthread_mutex_unlock(&own) == 0);
  pthread_barrier_wait(&all_done);
  return nullptr;
}

int main() {
  pthread_attr_t small;
  CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 65536) == 0);
  CHECK(pthread_barrier_init(&all_hold, nullptr, kThreads + 1) == 0);
  CHECK(pthread_barrier_init(&all_done, nullptr, kThreads + 1) == 0);
  std::deque<pthread_t> threads;
  for (int number = 0; number < kThreads; ++number) {
    pthread_t thread;
    if (pthread_create(&thread, &small, holds_own, nullptr) != 0)
      skip("this machine does not allow ten thousand threads");
    threads.push_back(thread);
  }
  pthread_barrier_wait(&all_hold);
  hold_until_reported("keeper");
  pthread_barrier_wait(&all_done);
  for (pthread_t thread : threads) CHECK(pthread_join(thread, nullptr) == 0);
  std::puts("done");
}
