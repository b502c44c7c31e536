// 200 threads each hold a mutex and wait for that of the one before. Once the first releases its own, all of these holds end within
// a few milliseconds, more than there is room to pass on with their stacks. One report explains them all, so none is missing.
// RUN-ENV: HOLDWATCH_LIMIT=2s
// EXPECT: L\d+ released by \d+ "root" after .*; 200 threads lost
// FORBID: not reported
// EXPECT-JSON: {event["event"] for event in e} == {"hold"} and held_by(e) == {"root"}
// EXPECT-JSON: not late and e[-1]["unreported_holds"] == 0
#include <memory>
#include <mutex>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  constexpr int kThreads = 200;
  static std::mutex locks[kThreads + 1];
  Event root_has_it, release;
  Thread root("root", [&] {
    std::lock_guard guard(locks[0]);
    root_has_it.fire();
    release.wait();
  });
  root_has_it.wait();
  std::vector<std::unique_ptr<Thread>> threads;
  for (int i = 1; i <= kThreads; ++i) {
    Event has_it;
    threads.push_back(std::make_unique<Thread>("waiter", [&, i] {
      std::lock_guard guard(locks[i]);
      has_it.fire();
      std::lock_guard before(locks[i - 1]);
    }));
    has_it.wait();
  }
  await_report("over");
  // Until the other holds are over the limit as well.
  await_next_report("still");
  release.fire();
  for (auto& thread : threads) thread->join();
  await_report("released");
}
