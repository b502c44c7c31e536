// ONLY=auto: a hold for which nobody waits is reported once, in full, and once more when it ends.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_ONLY=auto
// EXPECT: released by \d+ "holder" after
// FORBID: still held
// EXPECT-JSON: count(phase="over") == 1 and count(phase="released") == 1 and count(phase="still") == 0
// EXPECT-JSON: holder(released[0])["held_ns"] >= 900 * ms
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
  release.fire();
  await_report("released");
}
