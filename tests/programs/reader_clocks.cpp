// Every reader of a read-write lock has a clock of its own: short readers and later ones do not hide the oldest.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=0 HOLDWATCH_ONLY=all
// EXPECT-JSON: holder(over[0])["thread"] == "oldest" and holder(over[0])["mode"] == "shared"
// EXPECT-JSON: frame(holder(over[0])["taken"], "reads_long")["line"] == line("TAKEN HERE")
// EXPECT-JSON: [[h["thread"] for h in event["holders"]] for event in still][-1] == ["oldest", "newer"]
// EXPECT-JSON: still[-1]["holders"][0]["held_ns"] - still[-1]["holders"][1]["held_ns"] >= 300 * ms
#include <shared_mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::shared_mutex list;
Event locked, locked_again, release;

OWN_FRAME void reads_long(const Event& taken) {
  std::shared_lock guard(list);  // TAKEN HERE
  const_cast<Event&>(taken).fire();
  release.wait();
}

int main() {
  Thread oldest("oldest", [] { reads_long(locked); });
  locked.wait();
  std::atomic<bool> done{false};
  Thread quick("quick", [&] {
    while (!done) {
      std::shared_lock guard(list);
    }
  });
  await_report("over");
  Thread newer("newer", [] { reads_long(locked_again); });
  locked_again.wait();
  done = true;
  quick.join();
  await_next_report("still");
  release.fire();
  await_report("released");
}
