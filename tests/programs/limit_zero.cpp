// LIMIT=0 turns hold reports off; a thread that waits too long is reported all the same, with the present holder.
// RUN-ENV: HOLDWATCH_LIMIT=0 HOLDWATCH_WAIT_LIMIT=200ms
// EXPECT-JSON: count(event="hold") == 0 and waits[0]["phase"] == "over" and waits[0]["limit_ns"] == 200 * ms
// EXPECT-JSON: held_by(waits) == {"holder"} and waited_by(waits) == {"waiter"}
// EXPECT-JSON: waits[0]["waiters"][0]["longest_ns"] >= 200 * ms
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
  await_report("wait");
  release.fire();
}
