// Two threads that wait for each other are one report: who holds what, since when, taken where, and who else waits for
// either lock. From then on neither lock is reported as a hold or a long wait besides.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: ^holdwatch\[\d+\]: deadlock of 2 threads( for \d.*)?: \d+ "first" holds L1 and waits for L2, \d+ "second" holds L2 and waits for L1; 2 other threads wait$
// EXPECT: <- took L1
// EXPECT: deadlock of L1 and L2 continues, .*; 2 other threads wait$
// EXPECT-JSON: {event["event"] for event in deadlocks} == {"deadlock"} and e[-len(deadlocks):] == deadlocks
// EXPECT-JSON: [event["phase"] for event in deadlocks][:2] == ["over", "still"]
// EXPECT-JSON: [h["thread"] for h in deadlocks[0]["holders"]] == ["first", "second"]
// EXPECT-JSON: [(step["holds"], step["waits_for"]) for step in deadlocks[0]["cycle"]] == [("L1", "L2"), ("L2", "L1")]
// EXPECT-JSON: [(step["kind"], step["address"][:2]) for step in deadlocks[0]["cycle"]] == [("mutex", "0x")] * 2
// EXPECT-JSON: [step["tid"] for step in deadlocks[0]["cycle"]] == [h["tid"] for h in deadlocks[0]["holders"]]
// EXPECT-JSON: all(step["waited_ns"] > 0 for step in deadlocks[2]["cycle"])
// EXPECT-JSON: [h["waits_for"] for h in deadlocks[0]["holders"]] == ["L2", "L1"]
// EXPECT-JSON: all(frame(h["taken"], "take_both")["line"] == line("OUTER") for h in deadlocks[0]["holders"])
// EXPECT-JSON: all(frame(h["now"], "take_both")["line"] == line("INNER") for h in deadlocks[0]["holders"])
// EXPECT-JSON: {(w["threads"][0], w["lock"]) for w in deadlocks[0]["waiters"]} == {("victim of 1", "L1"), ("victim of 2", "L2")}
// EXPECT-JSON: deadlocks[0]["threads_delayed"] == 2 and len({event["fingerprint"] for event in deadlocks}) == 1
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

Event close_circle;

OWN_FRAME void take_both(std::mutex& outer, std::mutex& inner, Event& has_outer) {
  std::lock_guard one(outer);  // OUTER
  has_outer.fire();
  close_circle.wait();
  std::lock_guard both(inner);  // INNER
}

int main() {
  static std::mutex one, two;
  static Event has_one, has_two;
  // Never freed: they cannot be joined.
  new Thread("first", [] { take_both(one, two, has_one); });
  has_one.wait();
  new Thread("second", [] { take_both(two, one, has_two); });
  has_two.wait();
  (new Thread("victim of 1", [] { std::lock_guard guard(one); }))->wait_until_blocked_on(one);
  (new Thread("victim of 2", [] { std::lock_guard guard(two); }))->wait_until_blocked_on(two);
  close_circle.fire();
  await_report("deadlock");
  await_report("deadlock still", 2);
  std::_Exit(0);
}
