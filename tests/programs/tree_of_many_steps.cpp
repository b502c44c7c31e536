// Each of 27 threads holds a mutex and waits for that of the one before: of the 26 steps, 20 are shown, and JSON has all. Nor are the
// waits reported, though they are over their limit.
// RUN-ENV: HOLDWATCH_LIMIT=1s HOLDWATCH_WAIT_LIMIT=1200ms
// EXPECT: thread \d+ "t0" has held mutex L\d+ .*; 27 threads wait, longest
// EXPECT: ^  chain +(\d+) "t1" holds (L\d+) and waits for L\d+$
// EXPECT: ^ {10}\d+ "t20" holds L\d+ and waits for L\d+\n {10}and 6 more steps$
// FORBID: "t21" holds
// EXPECT-JSON: {event["event"] for event in e} == {"hold"} and held_by(e) == {"t0"} and len(over) == 1
// EXPECT-JSON: [step["thread"] for step in over[0]["chain"]] == [f"t{i}" for i in range(27)]
// EXPECT-JSON: len({step["holds"] for step in over[0]["chain"]}) == 27
// EXPECT-JSON: over[0]["tree"]["threads"] == 27
#include <memory>
#include <mutex>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  constexpr int kThreads = 27;
  static std::mutex locks[kThreads];
  static std::string names[kThreads];
  Event begin, release;
  std::atomic<int> held{0};
  std::vector<std::unique_ptr<Thread>> threads;
  for (int i = 0; i < kThreads; ++i) {
    names[i] = "t" + std::to_string(i);
    threads.push_back(std::make_unique<Thread>(names[i].c_str(), [&, i] {
      if (i != 0) begin.wait();
      std::lock_guard guard(locks[i]);
      ++held;
      if (i == 0) return release.wait();
      while (held < kThreads) std::this_thread::yield();
      std::lock_guard before(locks[i - 1]);
    }));
    if (i == 0)
      while (held == 0) pause_briefly();
  }
  begin.fire();
  while (held < kThreads) pause_briefly();
  Thread last("last", [&] { std::lock_guard wanted(locks[kThreads - 1]); });
  await_report("over");
  await_next_report("still");
  std::_Exit(0);
}
