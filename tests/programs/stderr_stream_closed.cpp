// fclose(stderr) is no reason to crash: whatever of ours would have gone there is dropped.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 1 and len(released) == 1
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  CHECK(std::fclose(stderr) == 0);
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
