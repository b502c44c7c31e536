// ONLY=contended: a hold for which nobody waits is not reported, however long it lasts.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_ONLY=contended
// EXPECT-NOTHING
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock;
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    sleep_past_limit();
  });
}
