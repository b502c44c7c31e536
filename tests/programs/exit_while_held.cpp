// A process ends as it would, while one thread holds a reported lock and others wait for it.
// RUN-ENV: HOLDWATCH_LIMIT=100ms
// EXPECT-JSON: count(phase="over") == 1
// EXIT: 7
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  static std::mutex lock;
  static Event locked, never;
  new Thread("holder", [] {
    std::lock_guard guard(lock);
    locked.fire();
    never.wait();
  });
  locked.wait();
  auto* waiter = new Thread("waiter", [] { std::lock_guard guard(lock); });
  waiter->wait_until_blocked_on(lock);
  await_report("over");
  std::fflush(stdout);
  std::quick_exit(7);
}
