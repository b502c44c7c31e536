// A bad value gets one line that names the variable, the value and the default that is kept; the program runs on.
// RUN-ENV: HOLDWATCH_LIMIT=soon HOLDWATCH_ONLY=sometimes HOLDWATCH_RATE=-5 HOLDWATCH_REPEAT=perhaps
// EXPECT: HOLDWATCH_LIMIT.*soon.*1 ?s
// EXPECT: HOLDWATCH_ONLY.*sometimes.*all
// EXPECT: HOLDWATCH_REPEAT.*perhaps.*1
// EXPECT: HOLDWATCH_RATE.*-5.*60
// EXPECT-JSON: over[0]["limit_ns"] == 1000 * ms
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
  std::puts("runs on");
}
