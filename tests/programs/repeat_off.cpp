// REPEAT=0: one report when the limit is passed, one line at the end, nothing between them.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_REPEAT=0
// EXPECT-JSON: [event["phase"] for event in e] == ["over", "released"]
// FORBID: still held
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock;
  Event release;
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    release.wait();
  });
  await_report("over");
  sleep_past_limit();
  release.fire();
  await_report("released");
}
