// SUPPRESS names a file that is not there: said once, and everything is reported.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_SUPPRESS=/nonexistent/rules HOLDWATCH_UNUSED_RULES=1
// EXPECT: HOLDWATCH_SUPPRESS: cannot read /nonexistent/rules: No such file or directory; no rule is used
// EXPECT: "holder" has held
// FORBID: HOLDWATCH_SUPPRESS.*\n(.*\n)*.*HOLDWATCH_SUPPRESS
// EXPECT-JSON: count(phase="over") == 1
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
