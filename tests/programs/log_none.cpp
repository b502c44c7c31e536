// LOG=none: no text at all, JSON only.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_LOG=none
// FORBID: .
// EXPECT-JSON: len(over) == 1
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
