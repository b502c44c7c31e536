// HELP=1 prints the options, their values and where each came from; the program goes on and is watched.
// RUN-FILE: holdwatch.conf: rate = 7
// RUN-ENV: HOLDWATCH_HELP=1 HOLDWATCH_LIMIT=200ms HOLDWATCH_CONFIG={tmp}/holdwatch.conf
// EXPECT: LIMIT.*200 ?ms.*(\n.*)?environment
// EXPECT: RATE.*7.*(\n.*)?holdwatch\.conf
// FORBID: LOCK_ORDER|SUMMARY|METRICS
// EXPECT: has held mutex
// EXPECT-JSON: len(over) == 1
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
