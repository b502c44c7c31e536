// A mutex is held by a thread of another pid namespace, whose id there is also that of the thread which waits for it here. Nothing
// shows which of the two is meant: no deadlock of the waiter with itself is reported, and nobody is named.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_WAIT_LIMIT=500ms
// FORBID: deadlock
// FORBID: which it holds itself
// EXPECT: "waiter" has waited \d+ ms for mutex L1 \(limit 500 ms\); holder unknown
// EXPECT: note +the lock names thread (\d+), which may be one of another pid namespace
// EXPECT-JSON: {event["event"] for event in e} == {"wait"}
// EXPECT-JSON: waited_by(e) == {"waiter"} and not any(event["holders"] for event in e)
#include "tests/programs/pid_namespace.h"
#include "tests/shared_locks.h"
using namespace harness;

int main() {
  auto& mutex = shared_locks::map_shared_lock<pthread_mutex_t>();
  auto& is_held = shared_locks::map_shared<std::atomic<bool>>();
  auto& may_end = shared_locks::map_shared<std::atomic<bool>>();
  Thread waiter("waiter", [&] {
    while (!is_held) pause_briefly();
    CHECK(pthread_mutex_lock(&mutex) == 0);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
  });
  const Container container(waiter.tid(), [&] {
    CHECK(pthread_mutex_lock(&mutex) == 0);
    is_held = true;
    while (!may_end) pause_briefly();
    CHECK(pthread_mutex_unlock(&mutex) == 0);
  });
  await_report("wait over");
  may_end = true;
  waiter.join();
}
