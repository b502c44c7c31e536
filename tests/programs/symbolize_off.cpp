// SYMBOLIZE=off: modules, offsets and build ids only; nobody needs debug data where the server runs.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_SYMBOLIZE=off
// EXPECT: symbolize_off\+0x[0-9a-f]+
// EXPECT-JSON: all(f["function"] is None and f["file"] is None and f["line"] is None for h in over[0]["holders"]
//     for f in h["taken"]["frames"] + h["now"]["frames"])
// EXPECT-JSON: all(f["module"] and f["offset"] and f["build_id"] for h in over[0]["holders"]
//     for f in h["taken"]["frames"])
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
