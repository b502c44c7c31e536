// SYMBOLIZE=names: functions, but no files and lines.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_SYMBOLIZE=names
// EXPECT-JSON: all(f["file"] is None and f["line"] is None for h in over[0]["holders"]
//     for f in h["taken"]["frames"] + h["now"]["frames"])
// EXPECT-JSON: has(holder(over[0])["now"], "hold_until_reported")
// EXPECT-JSON: has(holder(over[0])["now"], "read")
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
