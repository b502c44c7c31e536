// A deadlock through two joins: neither the joined thread that joins the next nor the last one holds a lock. With no
// limit at all it is found as well, and it is the only report.
// RUN-ENV: HOLDWATCH_LIMIT=0 HOLDWATCH_WAIT_LIMIT=0
// EXPECT: deadlock of 3 threads( for \d.*)?: \d+ "outer" holds L1 and waits for thread (\d+) "middle" to exit, \2 "middle" waits for thread (\d+) "inner" to exit, \3 "inner" waits for L1; no other waiters$
// EXPECT-JSON: [(event["event"], event["phase"]) for event in e] == [("deadlock", "over")]
// EXPECT-JSON: [step["joins"] for step in e[0]["cycle"]] == [e[0]["cycle"][1]["tid"], e[0]["cycle"][2]["tid"], None]
// EXPECT-JSON: e[0]["limit_ns"] == 0
// NO-BARE: without a watch nothing would end it
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  static std::mutex lock;
  static Event is_locked;
  static auto* inner = new Thread("inner", [] {
    is_locked.wait();
    std::lock_guard guard(lock);
  });
  static auto* middle = new Thread("middle", [] { inner->join(); });
  new Thread("outer", [] {
    std::lock_guard guard(lock);
    is_locked.fire();
    middle->join();
  });
  await_report("deadlock");
  std::_Exit(0);
}
