// A thread that keeps a mutex keeps a whole tree waiting, and that is one report: of the tree's other locks, none is reported
// while it is behind this one, neither for its hold nor for those who wait for it. What goes on after that is a stall of its own.
// RUN-ENV: HOLDWATCH_LIMIT=500ms HOLDWATCH_WAIT_LIMIT=1s HOLDWATCH_ONLY=all
// EXPECT: thread \d+ "sender" has held mutex L1
// EXPECT: L1 still held by \d+ "sender".*; 32 threads wait$
// EXPECT: L1 released by \d+ "sender" after .*; 32 threads lost
// EXPECT: thread \d+ "relay" has held mutex L2 .*; 31 threads wait, longest
// EXPECT: ^  chain +\d+ "outer" holds L3 and waits for L2$
// EXPECT-JSON: [holder(event)["thread"] for event in over] == ["sender", "relay"]
// EXPECT-JSON: [holder(event)["thread"] for event in released] == ["sender", "relay"]
// EXPECT-JSON: {event["event"] for event in e} == {"hold"} and late == []
// EXPECT-JSON: [[step["thread"] for step in event["chain"]] for event in still][-1] == ["sender", "relay", "outer"]
// EXPECT-JSON: [[step["holds"] for step in event["chain"]] for event in still][-1] == ["L1", "L2", "L3"]
// EXPECT-JSON: [[step["wait"] and step["wait"]["kind"] for step in event["chain"]] for event in still][-1]
//     == ["pipe", "mutex", "mutex"]
// EXPECT-JSON: all(step["wait"]["enders"][0]["tid"] == before["tid"] for event in over + still
//     for before, step in zip(event["chain"], event["chain"][1:]))
// EXPECT-JSON: still[-1]["root"]["thread"] == "sender" and still[-1]["tree"]["threads"] == 32
// EXPECT-JSON: waited_by(still) == {"relay"} and still[-1]["tree"]["lost_ns"] > still[-1]["lost_ns"] > 0
// EXPECT-JSON: over[1]["tree"]["threads"] == 31 and waited_by(over[1:]) == {"outer"}
#include <memory>
#include <mutex>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex connection, queue, session;
  Event release, go_on;
  std::atomic<int> held{0};
  Thread sender("sender", [&] {
    std::lock_guard guard(connection);
    ++held;
    release.wait();
  });
  while (held < 1) pause_briefly();
  Thread relay("relay", [&] {
    std::lock_guard outer(queue);
    ++held;
    connection.lock();
    connection.unlock();
    go_on.wait();
  });
  while (held < 2) pause_briefly();
  Thread outer("outer", [&] {
    std::lock_guard guard(session);
    ++held;
    std::lock_guard inner(queue);
  });
  while (held < 3) pause_briefly();
  std::vector<std::unique_ptr<Thread>> waiters;
  for (int i = 0; i < 30; ++i)
    waiters.push_back(std::make_unique<Thread>("waiter", [&] { std::lock_guard wanted(session); }));
  for (const auto& waiter : waiters) waiter->wait_until_blocked_on(session);
  await_report("over");
  await_next_report("still");
  release.fire();
  await_report("over", 2);
  go_on.fire();
  await_report("released", 2);
}
