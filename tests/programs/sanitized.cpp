// A program that is built with a sanitizer works under the watch as any other.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: "holder" has held
// EXPECT-JSON: count(phase="over") == 1 and has(holder(over[0])["taken"], "hold_until_reported")
// FORBID: Sanitizer
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("holder");
  const std::vector<int> allocated(1000, 1);
  std::printf("%d\n", allocated[999]);
}
