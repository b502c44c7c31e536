// Threads that poll a lock instead of sleeping for it are among those who wait for its holder, and marked.
// RUN-ENV: HOLDWATCH_LIMIT=400ms HOLDWATCH_ONLY=contended
// EXPECT: "holder" has held .*; 1 thread waits, .*, polling
// EXPECT: waits   1 thread.*, polling, at least \d+ tries in vain: \d+
// EXPECT-JSON: waited_by(still) == {"mutex", "timed", "to read", "to write", "c11", "stream"} and waits == [] and deadlocks == []
// EXPECT-JSON: all(g["polling"] and g["tries"] >= 3 for event in over + still for g in event["waiters"])
// EXPECT-JSON: all(g["count"] == 1 and g["mode"] == ("shared" if g["threads"] == ["to read"] else "exclusive") for event in still for g in event["waiters"])
// EXPECT-JSON: all(event["lost_ns"] > 0 for event in e if event["phase"] == "released")
#include <memory>
#include <vector>

#include "tests/programs/polls.h"
using namespace harness;

int main() {
  Event held, release;
  Thread holder("holder", [&] {
    polls::take_all();
    held.fire();
    release.wait();
    polls::release_all();
  });
  held.wait();
  std::atomic<bool> done{false};
  std::vector<std::unique_ptr<Thread>> pollers;
  for (const polls::Way& way : polls::kWays)
    pollers.push_back(std::make_unique<Thread>(way.thread, [&] {
      while (!done) {
        way.fail();
        std::this_thread::sleep_for(2ms);
      }
    }));
  await_report("still", std::size(polls::kWays));
  done = true;
  for (auto& poller : pollers) poller->join();
  release.fire();
  await_report("released", std::size(polls::kWays));
}
