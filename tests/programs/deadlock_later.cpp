// A hold that has been reported becomes part of a deadlock later: that is told at once, and of the hold nothing more
// until the deadlock is over. Here a third thread ends it by giving up a mutex for its owner.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: thread \d+ "first" has held mutex L1
// EXPECT: deadlock of 2 threads
// EXPECT: deadlock of L1 and L2 continues
// EXPECT: the deadlock of L1 and L2 is over, after
// EXPECT: L1 released by \d+ "first" after
// EXPECT-JSON: [event["event"] for event in e][0] == "hold" and count(event="deadlock", phase="over") == 1
// EXPECT-JSON: count(event="deadlock", phase="released") == 1 and count(event="deadlock", phase="still") >= 1
// EXPECT-JSON: not [event for event in still if event["event"] == "hold"
//     and deadlocks[0]["time"] < event["time"] < deadlocks[-1]["time"]]
// EXPECT-JSON: all(event["tree"] == {"threads": 2, "lost_ns": sum(step["waited_ns"] for step in event["cycle"])} for event in deadlocks)
#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, two = PTHREAD_MUTEX_INITIALIZER;

int main() {
  Event has_one, has_two, may_close;
  Thread first("first", [&] {
    CHECK(pthread_mutex_lock(&one) == 0);
    has_one.fire();
    may_close.wait();
    CHECK(pthread_mutex_lock(&two) == 0);
    CHECK(pthread_mutex_unlock(&two) == 0);
    CHECK(pthread_mutex_unlock(&one) == 0);
  });
  has_one.wait();
  await_report_of("over", "first", 1);
  Thread second("second", [&] {
    CHECK(pthread_mutex_lock(&two) == 0);
    has_two.fire();
    CHECK(pthread_mutex_lock(&one) == 0);
    CHECK(pthread_mutex_unlock(&one) == 0);
  });
  has_two.wait();
  second.wait_until_blocked_on(one);
  may_close.fire();
  first.wait_until_blocked_on(two);
  await_report("deadlock");
  await_report("deadlock still");
  CHECK(pthread_mutex_unlock(&two) == 0);
  first.join();
  second.join();
  await_report("deadlock released");
  await_report_of("released", "first", 1);
}
