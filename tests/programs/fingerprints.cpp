// The same bug has the same fingerprint in every run; two bugs have two.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// RUNS: 2
// EXPECT-JSON: len(over) == 2 and len({event["fingerprint"] for event in over}) == 2
// EXPECT-JSON: all({event["fingerprint"] for event in run if event["phase"] == "over"} == {event["fingerprint"]
//     for event in over} for run in runs)
// EXPECT-JSON: {event["pid"] for event in runs[0]}.isdisjoint({event["pid"] for event in runs[1]})
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex left, right;
Event release;

OWN_FRAME void one_bug() {
  std::lock_guard guard(left);
  release.wait();
}

OWN_FRAME void another_bug() {
  std::lock_guard guard(right);
  release.wait();
}

int main() {
  Thread first("first", one_bug), second("second", another_bug);
  await_report("over", 2);
  release.fire();
  await_report("released", 2);
}
