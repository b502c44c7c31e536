// A thread that begins to wait late in a long hold is one delayed thread, however often the watch looks at it.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: ^holdwatch\[\d+\]: L1 released by \d+ "holder" after .*; 1 thread lost
// EXPECT-JSON: count(phase="released") == 1 and released[0]["lost_ns"] > 0
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock;
  Event taken, release;
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    taken.fire();
    release.wait();
  });
  taken.wait();
  await_report("over");
  Thread waiter("waiter", [&] { std::lock_guard guard(lock); });
  waiter.wait_until_blocked_on(lock);
  sleep_past_limit();  // many looks
  release.fire();
  waiter.join();
  await_report("released");
}
