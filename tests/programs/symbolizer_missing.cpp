// Without the symbolizer library beside it the shim says so once, and still reports threads, durations and call sites
// as module+offset (build id).
// SHIM: alone
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: libholdwatch-symbolizer\.so
// EXPECT: thread \d+( "holder")? has held mutex
// EXPECT: symbolizer_missing\+0x[0-9a-f]+ \((build id )?[0-9a-f]{40}\)
// FORBID: (?s)libholdwatch-symbolizer\.so.*libholdwatch-symbolizer\.so
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex first, second;
  Thread holder("holder", [&] {
    std::scoped_lock guard(first, second);
    sleep_past_limit();
  });
}
