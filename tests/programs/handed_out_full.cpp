// STACKS=full: the whole stack of an acquisition is there, also where a helper took the lock and has returned.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_STACKS=full
// EXPECT-JSON: frame(holder(over[0])["taken"], "hands_out")["line"] == line("TAKEN HERE")
// EXPECT-JSON: has(holder(over[0])["taken"], "uses_it") and holder(over[0])["taken"]["complete"]
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
