// LIMIT=0 and WAIT_LIMIT=0: nothing is reported at all.
// RUN-ENV: HOLDWATCH_LIMIT=0 HOLDWATCH_WAIT_LIMIT=0
// EXPECT-NOTHING
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
  sleep_past_limit();
  release.fire();
}
