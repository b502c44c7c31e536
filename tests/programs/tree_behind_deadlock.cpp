// What is behind a deadlock, and what its threads hold besides, is told with it: these holds, and the waits for them, have no
// reports of their own. All who wait are counted, the threads of the deadlock among them.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=400ms
// EXPECT: deadlock of 2 threads
// EXPECT: deadlock of L1 and L2 continues, .*; 3 other threads wait$
// EXPECT-JSON: {event["event"] for event in e} == {"deadlock"}
// EXPECT-JSON: waited_by(e) == {"behind"}
// EXPECT-JSON: e[-1]["tree"]["threads"] == 5 and e[-1]["root"] is None and e[-1]["chain"] == []
// EXPECT-JSON: e[-1]["tree"]["lost_ns"] > e[-1]["lost_ns"] + sum(step["waited_ns"] for step in e[-1]["cycle"]) > e[-1]["lost_ns"] > 0
// NO-BARE: without a watch nothing would end it
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

std::mutex first_lock, second_lock, of_first, of_behind;

// Takes the two in turn, the second one when it may.
void take_two(std::mutex& one, Event& has_one, const Event& may_go_on, std::mutex& other) {
  const std::lock_guard guard(one);
  has_one.fire();
  may_go_on.wait();
  const std::lock_guard wanted(other);
}

void want(std::mutex& lock) {
  const std::lock_guard guard(lock);
}

}  // namespace

int main() {
  if (!is_watched()) return 0;
  static Event first_has_it, second_has_it, behind_has_it, go_on;
  Thread first("first", [] {
    const std::lock_guard guard(of_first);
    take_two(first_lock, first_has_it, go_on, second_lock);
  });
  Thread second("second", [] { take_two(second_lock, second_has_it, go_on, first_lock); });
  first_has_it.wait();
  second_has_it.wait();
  Thread behind("behind", [] { take_two(of_behind, behind_has_it, go_on, first_lock); });
  behind_has_it.wait();
  Thread farther("farther", [] { want(of_behind); });
  Thread beside("beside", [] { want(of_first); });
  farther.wait_until_blocked_on(of_behind);
  beside.wait_until_blocked_on(of_first);
  go_on.fire();
  // By then all of these holds and waits are over their limits.
  await_report("deadlock still", 4);
  ::_exit(0);
}
