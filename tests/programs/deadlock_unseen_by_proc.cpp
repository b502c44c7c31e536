// Where the kernel shows nothing of the threads (a server that has dropped root is such a process) the deadlock is told
// all the same, from the records and the locks.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_REPEAT=0
// EXPECT: deadlock of 2 threads
// EXPECT-JSON: [event["event"] for event in deadlocks] == ["deadlock"] and len(deadlocks[0]["cycle"]) == 2
#include "tests/programs/deadlock.h"
using namespace harness;

int main() {
  hold_until_reported("as root");
  give_up_root();
  start_deadlock();
  await_report("deadlock");
  std::_Exit(0);
}
