// A recursive mutex is held from its first lock to its last unlock: one episode, with its depth.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_ONLY=all
// EXPECT-JSON: [event["phase"] for event in e].count("over") == 1 and e[-1]["phase"] == "released"
// EXPECT-JSON: holder(over[0])["depth"] == 3 and holder(still[-1])["depth"] == 1
// EXPECT-JSON: len({event["episode"] for event in e}) == 1
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::recursive_mutex lock;
  Event unlock_two, release;
  Thread holder("holder", [&] {
    for (int depth = 0; depth < 3; ++depth) lock.lock();
    unlock_two.wait();
    lock.unlock();
    lock.unlock();
    release.wait();
    lock.unlock();
  });
  await_report("over");
  unlock_two.fire();
  await_next_report("still");
  await_next_report("still");
  release.fire();
  await_report("released");
}
