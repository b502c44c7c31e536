// What a holder waits for has the name of the program's variable: the static whose initializer runs, the flag, the condition; a part of
// a variable is at an offset.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_RATE=1000
// EXPECT: ^  now +waits for the initializer of config\(\)::instance, likely run by \d+ "configures"
// EXPECT-JSON: waits_so("static", "static", r"waits for the initializer of config\(\)::instance, likely run by \d+ \"configures\"", "configures")
// EXPECT-JSON: waits_so("once", "once", r"waits for another thread's initializer, pthread_once setup, likely run by \d+ \"sets_up\"", "sets_up")
// EXPECT-JSON: waits_so("condition", "condition", "in a condition wait on queue_is_full")
// EXPECT-JSON: waits_so("member", "semaphore", r"waits for semaphore pool\+8")
// EXPECT-JSON: [wait_of(thread)["name"] for thread in ("static", "once", "condition", "member")]
//     == ["config()::instance", "setup", "queue_is_full", "pool+8"]
// EXPECT-JSON: all(wait_of(thread)["object"].startswith("0x") for thread in ("static", "once", "condition", "member"))
// NO-BARE: nothing would end it
#include "tests/programs/named_objects.h"

int main() {
  named_objects::wait_for_all();
}
