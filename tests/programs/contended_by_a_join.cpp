// ONLY=contended: nobody waits for this lock, but for the end of the thread that holds it, with another lock held. That other
// hold is behind it.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_ONLY=contended
// EXPECT: thread \d+ "worker" has held mutex (L\d+) .*; 1 thread waits, \d.*$
// EXPECT: ^  chain +\d+ "closer" holds L\d+ and waits for thread \d+ to exit$
// EXPECT-JSON: held_by(e) == {"worker"} and len(over) == 1 and over[0]["tree"]["threads"] == 1
// EXPECT-JSON: [step["thread"] for step in over[0]["chain"]] == ["worker", "closer"]
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex queue, list;
  Event taken, release;
  Thread worker("worker", [&] {
    std::lock_guard guard(queue);
    taken.fire();
    release.wait();
  });
  taken.wait();
  Thread closer("closer", [&] {
    std::lock_guard guard(list);
    worker.join();
  });
  await_report("over");
  release.fire();
  await_report("released");
}
