// A lock whose own limit is 0 is never reported, also if it is the only one that was given a limit; another one is.
// RUN-ENV: HOLDWATCH_LIMIT=100ms
// EXPECT-JSON: held_by(over) == {"reported"}
#include "shim/holdwatch.h"

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex quiet, usual;
  HOLDWATCH_SET_LIMIT(quiet.native_handle(), uint64_t{0});
  Event quiet_is_held, release;
  Thread unreported("unreported", [&] {
    std::lock_guard guard(quiet);
    quiet_is_held.fire();
    release.wait();
  });
  quiet_is_held.wait();
  Thread reported("reported", [&] {
    std::lock_guard guard(usual);
    release.wait();
  });
  await_report("over");
  release.fire();
}
