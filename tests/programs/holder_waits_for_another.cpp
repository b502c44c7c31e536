// A holder that itself waits for a lock says for which: the chain can be followed from report to report.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: held_by(still) == {"first", "second"}
// EXPECT-JSON: [holder(event)["waits_for"] for event in still if holder(event)["thread"] == "second"][-1]
//     == [event["lock"]["id"] for event in over if holder(event)["thread"] == "first"][0]
// EXPECT-JSON: all(holder(event)["waits_for"] is None for event in e if holder(event)["thread"] == "first")
// EXPECT-JSON: re.search(r"\bL\d+", [holder(event)["doing"] for event in still if holder(event)["thread"]
//     == "second"][-1])
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex database, session;
  Event locked, release;
  Thread first("first", [&] {
    std::lock_guard guard(database);
    locked.fire();
    release.wait();
  });
  locked.wait();
  Thread second("second", [&] {
    std::lock_guard outer(session);
    std::lock_guard inner(database);
  });
  second.wait_until_blocked_on(database);
  await_report("over", 2);
  await_report("still", 2);
  await_next_report("still");
  release.fire();
  await_report("released", 2);
}
