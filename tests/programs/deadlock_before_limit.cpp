// A deadlock is reported long before a hold or wait is over its limit.
// RUN-ENV: HOLDWATCH_LIMIT=1h
// EXPECT: deadlock of 2 threads
// EXPECT-JSON: [(event["event"], event["phase"]) for event in e] == [("deadlock", "over")]
// NO-BARE: without a watch nothing would end it
#include "tests/programs/deadlock.h"
using namespace harness;

int main() {
  start_deadlock();
  await_report("deadlock");
  std::_Exit(0);
}
