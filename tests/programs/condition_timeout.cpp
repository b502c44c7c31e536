// A condition wait that times out has the mutex again: what follows is a hold, and what went before is not part of it.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: count(phase="over") == 1 and holder(over[0])["thread"] == "waiter"
// EXPECT-JSON: has(holder(over[0])["taken"], "waits_in_vain")
#include <condition_variable>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex mutex;
std::condition_variable changed;
Event release;

OWN_FRAME void waits_in_vain() {
  std::unique_lock guard(mutex);
  const auto until = std::chrono::steady_clock::now() + (is_watched() ? 900ms : 10ms);
  while (changed.wait_until(guard, until) != std::cv_status::timeout) continue;
  CHECK(!is_watched() || count_reports("over") == 0);
  release.wait();
}

int main() {
  Thread waiter("waiter", waits_in_vain);
  await_report("over");
  release.fire();
  await_report("released");
}
