// A holder that is somewhere else at the next report is said to have moved, and the report shows where it is now.
// RUN-ENV: HOLDWATCH_LIMIT=400ms HOLDWATCH_ONLY=all
// EXPECT: still held by \d+ "holder".*moved
// EXPECT-JSON: has(holder(over[0])["now"], "first_step")
// EXPECT-JSON: any(holder(one)["moved"] is True and has(holder(one)["now"], "second_step") for one in still)
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
  // The second report may come before the holder does.
  while (is_watched() && read_file(std::getenv("HOLDWATCH_JSON")).find("\"moved\":true") == std::string::npos)
    pause_briefly();
  release.fire();
  await_report("released");
}
