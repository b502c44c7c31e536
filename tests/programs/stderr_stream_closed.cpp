// fclose(stderr) is no reason to crash: whatever of ours would have gone there is dropped.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 1 and len(released) == 1
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  CHECK(std::fclose(stderr) == 0);
  hold_until_reported("holder");
}
