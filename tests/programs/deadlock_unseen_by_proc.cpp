// Where the kernel shows nothing of the threads (a server that has dropped root is such a process) the deadlock is told
// all the same, from the records and the locks.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: deadlock of 2 threads
// EXPECT-JSON: [event["event"] for event in deadlocks] == ["deadlock"] and len(deadlocks[0]["cycle"]) == 2
#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, two = PTHREAD_MUTEX_INITIALIZER;

int main() {
  static Event has_one, has_two;
  hold_until_reported("as root");
  give_up_root();
  new Thread("first", [] {
    CHECK(pthread_mutex_lock(&one) == 0);
    has_one.fire();
    has_two.wait();
    pthread_mutex_lock(&two);
  });
  has_one.wait();
  new Thread("second", [] {
    CHECK(pthread_mutex_lock(&two) == 0);
    has_two.fire();
    pthread_mutex_lock(&one);
  });
  await_report("deadlock");
  std::_Exit(0);
}
