// A holder that stays where it was is said to be frozen there.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_ONLY=all
// EXPECT: still held by \d+ "holder".*frozen
// EXPECT-JSON: holder(over[0])["moved"] is None and [holder(event)["moved"] for event in still[:2]] == [False, False]
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
  await_report("still", 2);
  release.fire();
  await_report("released");
}
