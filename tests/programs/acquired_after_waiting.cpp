// A lock that is had after a wait is held from that moment on, not from when the thread began to wait.
// RUN-ENV: HOLDWATCH_LIMIT=600ms HOLDWATCH_WAIT_LIMIT=0
// EXPECT-JSON: count(phase="over") == 2 and [holder(event)["thread"] for event in over] == ["first", "second"]
// EXPECT-JSON: "second" in waited_by(over[:1] + still) and waited_by(over[1:]) == set()
// EXPECT-JSON: holder(over[1])["held_ns"] < 2 * 600 * ms
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::timed_mutex lock;
  Event locked, pass_on, release;
  Thread first("first", [&] {
    std::lock_guard guard(lock);
    locked.fire();
    pass_on.wait();
  });
  locked.wait();
  Thread second("second", [&] {
    CHECK(lock.try_lock_for(1min));
    release.wait();
    lock.unlock();
  });
  second.wait_until_blocked_on(lock);
  await_report("still");
  pass_on.fire();
  await_report("over", 2);
  release.fire();
  await_report("released", 2);
}
