// ONLY=auto: a hold that was reported alone is reported again once somebody waits for it.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_ONLY=auto
// EXPECT: still held by \d+ "holder".*1 thread waits
// EXPECT-JSON: count(phase="over") == 1 and over[0]["waiters"] == []
// EXPECT-JSON: all(r["waiters"][0]["threads"] == ["late comer"] for r in still)
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
  await_report("over");
  sleep_past_limit();
  Thread waiter("late comer", [&] { std::lock_guard guard(lock); });
  await_report("still");
  release.fire();
  await_report("released");
}
