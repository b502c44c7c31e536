// Waiters with the same stack are one group with a count, not a report each.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: ^holdwatch\[\d+\]: thread \d+ "holder" has held mutex L\d+
// EXPECT: ^holdwatch\[\d+\]: L\d+ still held by \d+ "holder".*; 3 threads wait
// EXPECT: ^holdwatch\[\d+\]: L\d+ released by \d+ "holder" after .*; 3 threads lost
// EXPECT-JSON: count(phase="over") == 1 and count(phase="released") == 1 and held_by(e) == {"holder"}
// EXPECT-JSON: len(still[-1]["waiters"]) == 1 and still[-1]["waiters"][0]["count"] == 3
// EXPECT-JSON: sorted(still[-1]["waiters"][0]["threads"]) == ["first", "second", "third"]
// EXPECT-JSON: len(still[-1]["waiters"][0]["tids"]) == 3
// EXPECT-JSON: has(still[-1]["waiters"][0]["stack"], "wants_the_lock") and still[-1]["waiters"][0]["stack"]["complete"]
// EXPECT-JSON: 0 < still[-1]["waiters"][0]["longest_ns"] <= still[-1]["lost_ns"] <= released[0]["lost_ns"]
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex lock;
int turns = 0;

OWN_FRAME void wants_the_lock() {
  std::lock_guard guard(lock);
  ++turns;
}

int main() {
  Event locked, release;
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    locked.fire();
    release.wait();
  });
  locked.wait();
  Thread first("first", wants_the_lock), second("second", wants_the_lock), third("third", wants_the_lock);
  for (const Thread* waiter : {&first, &second, &third}) waiter->wait_until_blocked_on(lock);
  await_next_report("still");
  release.fire();
  await_report("released");
}
