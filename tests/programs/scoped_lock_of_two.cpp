// Two locks taken at once are two holds of one thread, both from the same line, though std::lock, which took them, has
// returned: at the first hold already, with and without frame pointers.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 2 and held_by(over) == {"holder"}
// EXPECT-JSON: over[0]["lock"]["id"] != over[1]["lock"]["id"] and over[0]["episode"] != over[1]["episode"]
// EXPECT-JSON: all("has returned" not in (holder(event)["taken"]["note"] or "") for event in over)
// EXPECT-JSON: all(holder(event)["taken"]["complete"] for event in over)
// EXPECT-JSON: all(frame(holder(event)["taken"], "moves_money")["line"] == line("TAKEN HERE") for event in over)
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex from, to;
Event release;

OWN_FRAME void moves_money() {
  std::scoped_lock both(from, to);  // TAKEN HERE
  release.wait();
}

int main() {
  Thread holder("holder", moves_money);
  await_report("over", 2);
  release.fire();
  await_report("released", 2);
}
