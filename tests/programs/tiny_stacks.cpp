// Threads with the smallest stack there is take locks, run, block and end, with the stack copied at every acquisition, and
// with a signal that asks the running one where it is: nothing of ours needs more room than they have.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_STACKS=full
// EXPECT-JSON: held_by(over) == {"blocked", "running"}
// EXPECT-JSON: all(has(holder(event)["taken"], "tiny_") for event in over)
#include <climits>
#include <ctime>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
Event release;
std::atomic<bool> stop{false};

OWN_FRAME void* tiny_blocked(void*) {
  pthread_setname_np(pthread_self(), "blocked");
  CHECK(pthread_mutex_lock(&one) == 0);
  release.wait();
  CHECK(pthread_mutex_unlock(&one) == 0);
  return nullptr;
}

OWN_FRAME void* tiny_running(void*) {
  pthread_setname_np(pthread_self(), "running");
  CHECK(pthread_mutex_lock(&other) == 0);
  while (!stop.load(std::memory_order_relaxed)) {
  }
  CHECK(pthread_mutex_unlock(&other) == 0);
  return nullptr;
}

OWN_FRAME void* tiny_brief(void*) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  for (int round = 0; round < 1000; ++round)
    CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
  return nullptr;
}

int main() {
  pthread_attr_t smallest;
  CHECK(pthread_attr_init(&smallest) == 0 && pthread_attr_setstacksize(&smallest, 16384) == 0);
  pthread_t threads[2], brief;
  CHECK(pthread_create(&threads[0], &smallest, tiny_blocked, nullptr) == 0);
  CHECK(pthread_create(&threads[1], &smallest, tiny_running, nullptr) == 0);
  for (int number = 0; number < 100; ++number) {
    CHECK(pthread_create(&brief, &smallest, tiny_brief, nullptr) == 0);
    CHECK(pthread_join(brief, nullptr) == 0);
  }
  await_report("over", 2);
  release.fire();
  stop = true;
  for (pthread_t thread : threads) CHECK(pthread_join(thread, nullptr) == 0);
  await_report("released", 2);
}
