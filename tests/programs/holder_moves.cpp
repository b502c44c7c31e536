// A holder that is somewhere else at the next report is said to have moved, and the report shows where it is now.
// RUN-ENV: HOLDWATCH_LIMIT=400ms
// EXPECT: still held by \d+ "holder".*moved
// EXPECT-JSON: has(holder(over[0])["now"], "first_step") and has(holder(still[0])["now"], "second_step")
// EXPECT-JSON: holder(still[0])["moved"] is True
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex lock;
Event first_done, release;

OWN_FRAME void first_step() {
  first_done.wait();
}
OWN_FRAME void second_step() {
  release.wait();
}

int main() {
  Thread holder("holder", [] {
    std::lock_guard guard(lock);
    first_step();
    second_step();
  });
  await_report("over");
  first_done.fire();
  await_report("still");
  release.fire();
  await_report("released");
}
