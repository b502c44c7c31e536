// A thread that polls a lock for longer than WAIT_LIMIT, without success, is reported as waiting for it.
// RUN-ENV: HOLDWATCH_LIMIT=60s HOLDWATCH_WAIT_LIMIT=500ms
// EXPECT: has waited .*\(limit 500 ms\), polling; now held by \d+ "holder"
// EXPECT-JSON: count(event="hold") == 0 and deadlocks == [] and all(w["passed_by"] is None for w in waits)
// EXPECT-JSON: waited_by([w for w in waits if w["phase"] == "over"]) == {"mutex", "timed", "to read", "to write", "c11", "stream"}
// EXPECT-JSON: all(g["polling"] and g["longest_ns"] >= 500 * ms for w in waits if w["phase"] == "over" for g in w["waiters"])
// EXPECT-JSON: all(g["tries"] <= int(re.search(g["threads"][0] + r" tried (\d+) times", stderr)[1]) for w in waits for g in w["waiters"])
// EXPECT-JSON: held_by(waits) == {"holder"}
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
  size_t tries[std::size(polls::kWays)] = {};
  std::vector<std::unique_ptr<Thread>> pollers;
  for (size_t i = 0; i < std::size(polls::kWays); ++i)
    pollers.push_back(std::make_unique<Thread>(polls::kWays[i].thread, [&, i] {
      while (!done) {
        polls::kWays[i].fail();
        ++tries[i];
        std::this_thread::sleep_for(2ms);
      }
    }));
  await_report("wait", std::size(polls::kWays));
  done = true;
  for (auto& poller : pollers) poller->join();
  await_report("wait released", std::size(polls::kWays));
  for (size_t i = 0; i < std::size(polls::kWays); ++i)
    std::fprintf(stderr, "%s tried %zu times\n", polls::kWays[i].thread, tries[i]);
  release.fire();
}
