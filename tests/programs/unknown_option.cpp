// An option that does not exist gets one line with the nearest name that does.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_REED_LIMIT=5s
// EXPECT: HOLDWATCH_REED_LIMIT.*READ_LIMIT
// EXPECT-JSON: over[0]["limit_ns"] == 200 * ms
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
