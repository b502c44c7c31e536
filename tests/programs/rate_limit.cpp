// RATE: no more reports a minute than it says; how many were left out is said.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_RATE=3
// EXPECT: left out
// EXPECT-JSON: len(e) == 3
#include <deque>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::deque<std::mutex> locks(10);
  std::deque<Thread> threads;
  Event release;
  for (std::mutex& lock : locks) {
    threads.emplace_back("holder", [&] {
      std::lock_guard guard(lock);
      release.wait();
    });
  }
  await_report("over", 3);
  sleep_past_limit();
  release.fire();
  threads.clear();
}
