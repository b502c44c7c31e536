// AddressSanitizer as a shared library insists on being the first one that is loaded: it refuses the program with a line of
// its own before anything of ours has run. `LD_PRELOAD="libasan.so.8 libholdwatch.so"` is the way (the test asan).
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: ASan runtime does not come first
// EXPECT-JSON: e == []
// EXIT: 1
// NO-BARE: it is the preload that is refused
#include "tests/programs/harness.h"

int main() {
  std::puts("not reached");
}
