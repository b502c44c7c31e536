// READ_LIMIT is a limit of its own: here reading may take longer than writing.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_READ_LIMIT=1h HOLDWATCH_ONLY=all
// EXPECT-JSON: held_by(e) == {"writer"} and over[0]["limit_ns"] == 200 * ms
#include <mutex>
#include <shared_mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::shared_mutex read, written;
  Event reading, release;
  Thread reader("reader", [&] {
    std::shared_lock guard(read);
    reading.fire();
    release.wait();
  });
  reading.wait();
  Thread writer("writer", [&] {
    std::unique_lock guard(written);
    release.wait();
  });
  await_report("over");
  await_next_report("still");
  release.fire();
  await_report("released");
}
