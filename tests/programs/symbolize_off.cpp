// SYMBOLIZE=off: modules, offsets and build ids only; nobody needs debug data where the server runs.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_SYMBOLIZE=off
// EXPECT: symbolize_off\+0x[0-9a-f]+
// EXPECT-JSON: all(f["function"] is None and f["file"] is None and f["line"] is None for h in over[0]["holders"]
//     for f in h["taken"]["frames"] + h["now"]["frames"])
// EXPECT-JSON: all(f["module"] and f["offset"] and f["build_id"] for h in over[0]["holders"]
//     for f in h["taken"]["frames"])
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
