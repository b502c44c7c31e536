// A holder is stuck with the lock of stderr's stream: reports do not go that way. Nor does the one of this hold.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: "has the stream" has held
// EXPECT-JSON: len(over) == 2 and held_by(over) == {"streams", "has the stream"}
// EXPECT-JSON: [event["lock"]["name"] for event in over if event["lock"]["kind"] == "stream"] == ["stderr, the stream of descriptor 2"]
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
  await_report("over", 2);
  release.fire();
}
