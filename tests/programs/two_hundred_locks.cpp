// Two hundred locks held by one thread at once are two hundred holds, none of them unrecorded.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_RATE=100000 HOLDWATCH_REPEAT=0
// EXPECT-JSON: len(over) == 200 and len({event["lock"]["id"] for event in over}) == 200 and len(released) == 200
// EXPECT-JSON: all(event.get("unrecorded_holds", 0) == 0 for event in e)
#include <deque>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::deque<std::mutex> locks(200);
  Event release;
  Thread hoarder("hoarder", [&] {
    for (std::mutex& lock : locks) lock.lock();
    release.wait();
    for (std::mutex& lock : locks) lock.unlock();
  });
  await_report("over", locks.size());
  release.fire();
  await_report("released", locks.size());
}
