// A thousand threads that wait at the same place for the same lock are one group.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=0
// EXPECT: 1,?000 threads
// EXPECT-JSON: count(phase="over") == 1
// EXPECT-JSON: len(still[-1]["waiters"]) == 1 and still[-1]["waiters"][0]["count"] == 1000
// EXPECT-JSON: has(still[-1]["waiters"][0]["stack"], "wants_the_lock")
#include <deque>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex lock;
int turns = 0;

OWN_FRAME void wants_the_lock() {
  std::lock_guard guard(lock);
  ++turns;
}

int main() {
  Event locked, release;
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    locked.fire();
    release.wait();
  });
  locked.wait();
  std::deque<Thread> waiters;
  for (int number = 0; number < 1000; ++number) waiters.emplace_back("waiter", wants_the_lock);
  for (const Thread& waiter : waiters) waiter.wait_until_blocked_on(lock);
  await_next_report("still");
  release.fire();
  await_report("released");
  waiters.clear();
  std::printf("%d\n", turns);
}
