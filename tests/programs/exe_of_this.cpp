// EXE with a pattern that fits this program's name.
// RUN-ENV: HOLDWATCH_LIMIT=50ms HOLDWATCH_EXE=exe_of_*
// EXPECT-JSON: held_by(over) == {"holder"}
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
}
