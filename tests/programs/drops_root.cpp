// A server that starts as root and gives that up: the kernel hides most of /proc from it then, and the report says what
// cannot be seen rather than nothing. Under a filter on its system calls, as in a container, the lock itself is not read either.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: "before" has held
// EXPECT: "after" has (likely )?held
// EXPECT-JSON: len(over) == 2 and has(holder(over[1])["taken"], "hold_until_reported")
// EXPECT-JSON: holder(over[1])["now"]["frames"] or holder(over[1])["now"]["note"]
#include <fcntl.h>
#include <sys/prctl.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  hold_until_reported("before");
  give_up_root();
  hold_until_reported("after");
  std::printf("dumpable: %d\n", prctl(PR_GET_DUMPABLE));
}
