// HOLDWATCH_CONFIG names a file with the same options in lower case; the environment wins over it.
// RUN-FILE: holdwatch.conf: # comments and empty lines are fine
// RUN-FILE: holdwatch.conf: limit = 1h
// RUN-FILE: holdwatch.conf: log = {tmp}/report.txt
// RUN-ENV: HOLDWATCH_CONFIG={tmp}/holdwatch.conf HOLDWATCH_LIMIT=200ms
// FORBID: .
// EXPECT-FILE: report.txt: ^holdwatch\[\d+\]: thread \d+ "holder" has held mutex
// EXPECT-JSON: over[0]["limit_ns"] == 200 * ms
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
