// SYMBOLIZE=names: functions, but no files and lines.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_SYMBOLIZE=names
// EXPECT-JSON: all(f["file"] is None and f["line"] is None for h in over[0]["holders"]
//     for f in h["taken"]["frames"] + h["now"]["frames"])
// EXPECT-JSON: has(holder(over[0])["now"], "harness::Event::wait") or has(holder(over[0])["now"], "main::")
// EXPECT-JSON: has(holder(over[0])["now"], "read")
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock;
  Event release;
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    release.wait();
  });
  await_report("over");
  release.fire();
  await_report("released");
}
