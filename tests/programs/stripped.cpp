// A stripped program: its frames are module, offset and build id, never a wrong name; libraries keep their names.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: stripped\+0x[0-9a-f]+
// EXPECT-JSON: all(f["function"] is None and f["file"] is None for f in holder(over[0])["taken"]["frames"]
//     + holder(over[0])["now"]["frames"] if f["module"].endswith("/stripped"))
// EXPECT-JSON: any(f["module"].endswith("/stripped") and f["build_id"] for f in holder(over[0])["taken"]["frames"])
// EXPECT-JSON: holder(over[0])["now"]["complete"] and holder(over[0])["taken"]["complete"]
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
