// ONLY=contended: a hold is reported as soon as somebody waits for it, also if that is long after its limit.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_ONLY=contended
// EXPECT: released by \d+ "holder" after .*1 thread lost
// EXPECT-JSON: count(phase="over") == 1 and over[0]["waiters"][0]["threads"] == ["late comer"]
// EXPECT-JSON: holder(over[0])["thread"] == "holder" and holder(over[0])["held_ns"] >= 600 * ms
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
  sleep_past_limit();
  Thread waiter("late comer", [&] { std::lock_guard guard(lock); });
  await_report("over");
  release.fire();
  await_report("released");
}
