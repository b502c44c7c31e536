// While a hold lasts it is reported again at 2x, 4x ... of the limit, and at its end with all that it has cost.
// RUN-ENV: HOLDWATCH_LIMIT=150ms
// EXPECT: still held by \d+ "holder"
// EXPECT: still held by \d+ "holder"
// EXPECT: ^holdwatch\[\d+\]: L\d+ released by \d+ "holder" after .*1 thread lost
// EXPECT-JSON: count(phase="over") == 1 and count(phase="released") == 1 and len(still) >= 2
// EXPECT-JSON: holder(still[0])["held_ns"] >= 2 * 150 * ms and holder(still[1])["held_ns"] >= 4 * 150 * ms
// EXPECT-JSON: len(still) < 3 or holder(still[2])["held_ns"] >= 8 * 150 * ms
// EXPECT-JSON: holder(released[0])["held_ns"] >= holder(still[-1])["held_ns"]
// EXPECT-JSON: {event["episode"] for event in e} == {over[0]["episode"]}
// EXPECT-JSON: released[0]["lost_ns"] >= still[1]["lost_ns"] >= 150 * ms
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock;
  Event locked, release;
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    locked.fire();
    release.wait();
  });
  locked.wait();
  Thread waiter("waiter", [&] { std::lock_guard guard(lock); });
  await_report("still", 2);
  release.fire();
  await_report("released");
}
