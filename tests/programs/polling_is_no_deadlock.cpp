// Two threads that poll each other's lock may give up at any time: two holds, each waited for, but no deadlock.
// RUN-ENV: HOLDWATCH_LIMIT=400ms
// FORBID: ^holdwatch\[\d+\]: .*deadlock
// EXPECT-JSON: deadlocks == [] and all(event["likely_cycle"] == [] for event in e)
// EXPECT-JSON: {(holder(event)["thread"], event["waiters"][0]["threads"][0]) for event in still} == {("one", "other"), ("other", "one")}
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutex_t locks[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
  std::atomic<int> held{0}, have_tried{0};
  std::atomic<bool> done{false};
  const auto work = [&](int mine) {
    pthread_mutex_lock(&locks[mine]);
    ++held;
    while (held < 2) std::this_thread::sleep_for(100us);
    while (!done) {
      CHECK(pthread_mutex_trylock(&locks[1 - mine]) == EBUSY);
      std::this_thread::sleep_for(1ms);
    }
    ++have_tried;
    while (have_tried < 2) std::this_thread::sleep_for(100us);  // lest the other get it
    pthread_mutex_unlock(&locks[mine]);
  };
  Thread one("one", [&] { work(0); }), other("other", [&] { work(1); });
  await_report("over", 2);
  await_report("still", 4);
  done = true;
  one.join();
  other.join();
  await_report("released", 2);
}
