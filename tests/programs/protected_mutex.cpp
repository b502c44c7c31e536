// A priority-protected mutex is watched like any other. It may only be taken by a thread of a real-time class.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: count(phase="over") == 1 and holder(over[0])["thread"] == "protected"
#include <sched.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutexattr_t attributes;
  pthread_mutex_t mutex;
  CHECK(pthread_mutexattr_init(&attributes) == 0);
  CHECK(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_PROTECT) == 0);
  CHECK(pthread_mutexattr_setprioceiling(&attributes, 10) == 0);
  CHECK(pthread_mutex_init(&mutex, &attributes) == 0);
  Event release;
  Thread holder("protected", [&] {
    const sched_param lowest{1};
    if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &lowest) != 0) skip("no right to use SCHED_FIFO");
    CHECK(pthread_mutex_lock(&mutex) == 0);
    release.wait();
    CHECK(pthread_mutex_unlock(&mutex) == 0);
  });
  await_report("over");
  release.fire();
  await_report("released");
}
