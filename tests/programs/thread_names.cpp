// A report has the name that the thread has now, also if another thread gave it, or if it is an odd one.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: thread \d+ "caf\S* \S*quoted\S*" has held
// EXPECT-JSON: held_by(over) == {'café "quoted"'} and waited_by(still) == {"\\"}
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock;
  Event renamed, locked, release;
  Thread holder("before", [&] {
    renamed.wait();
    std::lock_guard guard(lock);
    locked.fire();
    release.wait();
  });
  holder.tid();
  CHECK(pthread_setname_np(holder.handle(), "café \"quoted\"") == 0);
  renamed.fire();
  locked.wait();
  Thread waiter("\\", [&] { std::lock_guard guard(lock); });
  waiter.wait_until_blocked_on(lock);
  await_next_report("still");
  release.fire();
  await_report("released");
}
