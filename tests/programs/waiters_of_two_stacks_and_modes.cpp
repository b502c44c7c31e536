// Waiters are told apart by their stack and by the mode in which they want the lock.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: count(phase="over") == 1 and still[-1]["lock"]["kind"] == "rwlock"
// EXPECT-JSON: holder(still[-1])["mode"] == "exclusive"
// EXPECT-JSON: len(still[-1]["waiters"]) == 3 and sum(w["count"] for w in still[-1]["waiters"]) == 4
// EXPECT-JSON: {w["mode"] for w in still[-1]["waiters"] if has(w["stack"], "joins")} == {"exclusive"}
// EXPECT-JSON: [w["count"] for w in still[-1]["waiters"] if w["mode"] == "shared" and has(w["stack"], "lists")] == [2]
// EXPECT-JSON: [w["count"] for w in still[-1]["waiters"] if w["mode"] == "shared" and has(w["stack"], "counts")] == [1]
#include <mutex>
#include <shared_mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::shared_mutex members;

OWN_FRAME void lists() {
  std::shared_lock guard(members);
}
OWN_FRAME void counts() {
  std::shared_lock guard(members);
}
OWN_FRAME void joins() {
  std::unique_lock guard(members);
}

int main() {
  Event locked, release;
  Thread holder("holder", [&] {
    std::unique_lock guard(members);
    locked.fire();
    release.wait();
  });
  locked.wait();
  Thread reader("reader", lists), another("another", lists), counter("counter", counts), writer("writer", joins);
  for (const Thread* waiter : {&reader, &another, &counter, &writer}) waiter->wait_until_blocked_on(members);
  await_next_report("still");
  release.fire();
  await_report("released");
}
