// The same in a stripped program: what a holder waits for has an address and no name, and the rest is said as well.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_RATE=1000
// EXPECT-JSON: waits_so("static", "static", r"waits for another thread's initializer of a static variable, guard 0x\w+, likely run by \d+ \"configures\"", "configures")
// EXPECT-JSON: waits_so("once", "once", r"waits for another thread's initializer, pthread_once 0x\w+, likely run by \d+ \"sets_up\"", "sets_up")
// EXPECT-JSON: waits_so("condition", "condition", r"in a condition wait on 0x\w+")
// EXPECT-JSON: waits_so("member", "semaphore", r"waits for semaphore 0x\w+")
// EXPECT-JSON: [wait_of(thread)["name"] for thread in ("static", "once", "condition", "member")] == [None] * 4
// NO-BARE: nothing would end it
#include "tests/programs/named_objects.h"

int main() {
  named_objects::wait_for_all();
}
