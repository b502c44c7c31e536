// A thread that read-locks twice holds until its last unlock: one episode, with the depth.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_ONLY=all
// EXPECT-JSON: count(phase="over") == 1 and holder(over[0])["depth"] == 2 and holder(over[0])["mode"] == "shared"
// EXPECT-JSON: holder(still[-1])["depth"] == 1 and len(released) == 1
#include <shared_mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::shared_mutex list;
  Event unlock_one, release;
  Thread holder("holder", [&] {
    list.lock_shared();
    list.lock_shared();
    unlock_one.wait();
    list.unlock_shared();
    release.wait();
    list.unlock_shared();
  });
  await_report("over");
  unlock_one.fire();
  await_next_report("still");
  await_next_report("still");
  release.fire();
  await_report("released");
}
