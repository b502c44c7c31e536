// The thread that holds everybody up is named although it holds no lock: `second` waits for a lock whose holder `first` joins
// `reader`, which reads from a pipe. Where a thread on the way cannot be known, nobody is named.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: thread \d+ "second" has held
// EXPECT: ^  root +\d+ "reader", read\(fd \d+ pipe:\[\d+\]\); at least 3 threads wait for it, directly or through others$
// EXPECT-JSON: [event["root"]["thread"] for event in over if holder(event)["thread"] in ("first", "second")] == ["reader"] * 2
// EXPECT-JSON: all(event["root"]["doing"].startswith("read(fd ") for event in over if holder(event)["thread"] == "second")
// EXPECT-JSON: [[step["thread"] for step in event["chain"]] for event in over if holder(event)["thread"] == "second"]
//     == [["reader", "first", "second"]]
// EXPECT-JSON: [[step["wait"]["kind"] for step in event["chain"]] for event in over if holder(event)["thread"] == "second"]
//     == [["pipe", "join", "mutex"]]
// EXPECT-JSON: [[step["holds"] for step in event["chain"]] for event in over if holder(event)["thread"] == "second"]
//     == [[None, lock_held_by("first"), lock_held_by("second")]]
// EXPECT-JSON: [event["tree"]["threads"] for event in over if holder(event)["thread"] == "second"] == [3]
// EXPECT-JSON: [event["root"] for event in over if holder(event)["thread"] == "behind_readers"] == [None]
#include <mutex>
#include <shared_mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex database, session, behind;
  std::shared_mutex shared;
  Event release;
  std::atomic<int> held{0};
  Thread reader("reader", [&] { release.wait(); });
  reader.wait_until_blocked_in(SYS_read);
  Thread first("first", [&] {
    std::lock_guard guard(database);
    ++held;
    reader.join();
  });
  while (held < 1) pause_briefly();
  Thread second("second", [&] {
    std::lock_guard outer(session);
    ++held;
    std::lock_guard inner(database);
  });
  while (held < 2) pause_briefly();
  Thread waiter("waiter", [&] { std::lock_guard wanted(session); });
  // Of the readers of an rwlock, glibc knows only the number.
  shared.lock_shared();
  Thread behind_readers("behind_readers", [&] {
    std::lock_guard outer(behind);
    std::lock_guard inner(shared);
  });
  await_report_of("over", "first", 1);
  await_report_of("over", "second", 1);
  await_report_of("over", "behind_readers", 1);
  shared.unlock_shared();
  release.fire();
}
