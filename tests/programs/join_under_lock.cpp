// A thread joins another one with a lock held, and that one waits, over a third thread, for the same lock: one deadlock
// of three, of whom the joined thread holds no lock.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: deadlock of 3 threads( for \d.*)?: \d+ "destroy" holds L1 and waits for thread (\d+) "relay" to exit, \2 "relay" waits for L2, \d+ "handle" holds L2 and waits for L1; no other waiters$
// EXPECT: ^  joined  \d+ "relay"$
// EXPECT: deadlock of L1 and L2 continues
// EXPECT-JSON: {event["event"] for event in deadlocks} == {"deadlock"} and e[-len(deadlocks):] == deadlocks
// EXPECT-JSON: [h["thread"] for h in deadlocks[0]["holders"]] == ["destroy", "relay", "handle"]
// EXPECT-JSON: [(step["holds"], step["waits_for"]) for step in deadlocks[0]["cycle"]]
//     == [("L1", None), (None, "L2"), ("L2", "L1")]
// EXPECT-JSON: [step["joins"] for step in deadlocks[0]["cycle"]] == [deadlocks[0]["cycle"][1]["tid"], None, None]
// EXPECT-JSON: all(step["waited_ns"] > 0 for step in deadlocks[1]["cycle"])
// EXPECT-JSON: re.fullmatch(r'waits for thread \d+ "relay" to exit', deadlocks[0]["holders"][0]["doing"])
// EXPECT-JSON: deadlocks[0]["holders"][1]["held_ns"] == 0 and deadlocks[0]["holders"][1]["taken"]["frames"] == []
// EXPECT-JSON: frame(deadlocks[0]["holders"][1]["now"], "relay_loop")["line"] == line("RELAY")
// EXPECT-JSON: frame(deadlocks[0]["holders"][0]["now"], "destroy")["line"] == line("JOIN")
// EXPECT-JSON: [h["waits_for"] for h in deadlocks[0]["holders"]] == [None, "L2", "L1"]
// EXPECT-JSON: deadlocks[0]["lock"]["id"] == "L1" and deadlocks[0]["waiters"] == []
// NO-BARE: without a watch nothing would end it
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex mountpoints, session;
Thread* relay;
Event has_mountpoints, has_session;

OWN_FRAME void relay_loop() {
  has_session.wait();
  std::lock_guard guard(session);  // RELAY
}

OWN_FRAME void destroy() {
  std::lock_guard guard(mountpoints);
  has_mountpoints.fire();
  relay->join();  // JOIN
}

OWN_FRAME void handle() {
  std::lock_guard outer(session);
  has_session.fire();
  std::lock_guard inner(mountpoints);
}

int main() {
  relay = new Thread("relay", relay_loop);
  new Thread("destroy", destroy);
  has_mountpoints.wait();
  new Thread("handle", handle);
  await_report("deadlock");
  await_report("deadlock still");
  std::_Exit(0);
}
