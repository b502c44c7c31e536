// An option that is not implemented yet prints one line and changes nothing: the hold is reported as usual.
// RUN-ENV: HOLDWATCH_LOCK_ORDER=1 HOLDWATCH_LIMIT=200ms
// EXPECT: HOLDWATCH_LOCK_ORDER="1": not implemented in this version; it has no effect
// EXPECT: has held mutex
// FORBID: (?s)LOCK_ORDER.*LOCK_ORDER
// EXPECT-JSON: len(over) == 1
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
