// A hold that was long by itself before its thread began to wait for another one is reported as well: it would have been long
// anyway. While its thread waits, that it is still held is told of the other one only.
// RUN-ENV: HOLDWATCH_LIMIT=400ms
// EXPECT-JSON: sorted(holder(event)["thread"] for event in over) == ["first", "second"]
// EXPECT-JSON: held_by(still) == {"first"}
// EXPECT-JSON: sorted(holder(event)["thread"] for event in released) == ["first", "second"] and late == []
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex database, session;
  Event release;
  std::atomic<bool> held{false};
  Thread first("first", [&] {
    std::lock_guard guard(database);
    held = true;
    release.wait();
  });
  while (!held) pause_briefly();
  Thread second("second", [&] {
    std::lock_guard outer(session);
    std::this_thread::sleep_for(is_watched() ? 300ms : 0ms);
    std::lock_guard inner(database);
  });
  second.wait_until_blocked_on(database);
  await_report("over", 2);
  await_report("still", 2);
  release.fire();
  await_report("released", 2);
}
