// LOG=none: no text at all, JSON only.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_LOG=none
// FORBID: .
// EXPECT-JSON: len(over) == 1
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
  release.fire();
  await_report("released");
}
