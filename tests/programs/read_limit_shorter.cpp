// READ_LIMIT is a limit of its own: here writing may take longer than reading.
// RUN-ENV: HOLDWATCH_LIMIT=1h HOLDWATCH_READ_LIMIT=200ms HOLDWATCH_ONLY=all
// EXPECT-JSON: held_by(e) == {"reader"} and over[0]["limit_ns"] == 200 * ms
#include <mutex>
#include <shared_mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::shared_mutex read, written;
  Event writing, release;
  Thread writer("writer", [&] {
    std::unique_lock guard(written);
    writing.fire();
    release.wait();
  });
  writing.wait();
  Thread reader("reader", [&] {
    std::shared_lock guard(read);
    release.wait();
  });
  await_report("over");
  await_next_report("still");
  release.fire();
  await_report("released");
}
