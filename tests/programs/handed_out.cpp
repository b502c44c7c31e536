// A helper takes the lock and returns it to its caller: the frame that took it is gone. The report says so, and gives
// what is known, which is the helper's own line.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: frame(holder(over[0])["taken"], "hands_out")["line"] == line("TAKEN HERE")
// EXPECT-JSON: holder(over[0])["taken"]["note"] is not None and "return" in holder(over[0])["taken"]["note"]
// EXPECT-JSON: has(holder(over[0])["now"], "uses_it") and not has(holder(over[0])["now"], "hands_out")
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex lock;
Event release;

OWN_FRAME std::unique_lock<std::mutex> hands_out() {
  return std::unique_lock(lock);  // TAKEN HERE
}

OWN_FRAME void uses_it() {
  const auto guard = hands_out();
  release.wait();
}

int main() {
  Thread holder("holder", uses_it);
  await_report("over");
  release.fire();
  await_report("released");
}
