// RATE: no more reports a minute than it says; how many were left out is said. Only the ends of those that were
// reported are told besides.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_RATE=3
// EXPECT: [1-9]\d* reports suppressed
// EXPECT-JSON: len(over) + len(still) == 3 and {event["episode"] for event in released} <= {event["episode"]
//     for event in over}
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
  await_words("reports suppressed");  // said when a while has gone by without a report; exit waits for nothing so long
}
