// The thread that holds everybody up is named although it holds no lock: `first` joins `reader`, which reads from a pipe. The
// report is about the lock of `first`, which is nearest to it; that of `second`, which waits for `first`, has none of its own.
// Where a thread on the way cannot be known, nobody is named.
// RUN-ENV: HOLDWATCH_LIMIT=1s HOLDWATCH_READ_LIMIT=0
// EXPECT: thread \d+ "first" has held mutex (L\d+) .*; 2 threads wait, longest
// EXPECT: ^  root +(\d+) "reader", read\(fd \d+ pipe:\[\d+\]\), its other end is open in this process; at least 3 threads wait for it, directly or through others$
// EXPECT: ^  chain +\d+ "first" holds (L\d+) and waits for thread \d+ to exit\n {10}\d+ "second" holds L\d+ and waits for \1$
// EXPECT-JSON: held_by(e) == {"first", "behind_readers"}
// EXPECT-JSON: all(event["root"]["doing"].startswith("read(fd ") for event in over if holder(event)["thread"] == "first")
// EXPECT-JSON: [[step["thread"] for step in event["chain"]] for event in over if holder(event)["thread"] == "first"]
//     == [["reader", "first", "second"]]
// EXPECT-JSON: [[step["wait"]["kind"] for step in event["chain"]] for event in over if holder(event)["thread"] == "first"]
//     == [["pipe", "join", "mutex"]]
// EXPECT-JSON: [step["holds"] is None for event in over if holder(event)["thread"] == "first" for step in event["chain"]]
//     == [True, False, False]
// EXPECT-JSON: [event["tree"]["threads"] for event in over if holder(event)["thread"] == "first"] == [3]
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
  await_report("over", 2);
  shared.unlock_shared();
  release.fire();
}
