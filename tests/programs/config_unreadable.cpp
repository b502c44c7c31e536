// A configuration file that cannot be read gets one line; the program runs on with what the environment says.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_CONFIG=/nonexistent/holdwatch.conf
// EXPECT: /nonexistent/holdwatch\.conf.*No such file
// EXPECT-JSON: over[0]["limit_ns"] == 200 * ms
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
