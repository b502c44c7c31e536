// A report's time and its durations are of one moment: between two reports of a hold as much time has passed as it was held
// longer, also where the watch finds the release a while after it.
// RUN-ENV: HOLDWATCH_LIMIT=800ms
// EXPECT-JSON: len(over) == 1 and len(released) == 1
// EXPECT-JSON: abs((float(released[0]["time"][17:23]) - float(over[0]["time"][17:23])) % 60 * 1000
//     - (holder(released[0])["held_ns"] - holder(over[0])["held_ns"]) / ms) < 3
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
