// A holder is stuck with the lock of stderr's stream: reports do not go that way.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: "has the stream" has held
// EXPECT-JSON: len(over) == 1
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  Event locked, release;
  Thread streams("streams", [&] {
    flockfile(stderr);
    locked.fire();
    release.wait();
    funlockfile(stderr);
  });
  locked.wait();
  hold_until_reported("has the stream");
  release.fire();
}
