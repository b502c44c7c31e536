// A lock that is held over its limit is reported while it is still held, even if nobody waits for it.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: ^holdwatch\[\d+\]: thread \d+ "holder" has held mutex L1 \S+ (ms|s) \(limit 200 ms\)
// EXPECT: ^holdwatch\[\d+\]: L1 released by \d+ "holder" after
// EXPECT-JSON: count(phase="over") == 1 and count(phase="released") == 1
// EXPECT-JSON: holder(over[0])["thread"] == "holder" and holder(over[0])["mode"] == "exclusive"
// EXPECT-JSON: holder(over[0])["state"] == "blocked" and holder(over[0])["doing"].startswith("read(")
// EXPECT-JSON: has(holder(over[0])["taken"], "main::") and has(holder(over[0])["now"], "main::")
// EXPECT-JSON: over[0]["limit_ns"] == 200 * ms and over[0]["lock"]["kind"] == "mutex"
// EXPECT-JSON: over[0]["waiters"] == [] and over[0]["lost_ns"] == 0 and released[0]["lost_ns"] == 0
// EXPECT-JSON: over[0]["episode"] == released[0]["episode"]
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
