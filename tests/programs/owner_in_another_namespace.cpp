// A mutex is held by a thread of another pid namespace, which has another id there than here. It is the only one that is found;
// but one that has exited may have had that id as well: it is likely the holder, and named by its id here.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s
// FORBID: deadlock
// FORBID: it ended while this report was being written
// EXPECT: thread (\d+) "keeper" of process \1 "keeper" has likely held mutex L1 \d+ ms at least \(limit 300 ms\); 1 thread waits
// EXPECT-JSON: [event["event"] for event in over] == ["hold"] and held_by(e) == {"keeper"}
// EXPECT-JSON: holder(over[0])["likely"] is True and holder(over[0])["pid"] == holder(over[0])["tid"] != 200
// EXPECT-JSON: waited_by(over) == {"waiter"}
#include "tests/programs/pid_namespace.h"
#include "tests/shared_locks.h"
using namespace harness;

int main() {
  auto& mutex = shared_locks::map_shared_lock<pthread_mutex_t>();
  auto& is_held = shared_locks::map_shared<std::atomic<bool>>();
  auto& may_end = shared_locks::map_shared<std::atomic<bool>>();
  const Container container(200, [&] {
    prctl(PR_SET_NAME, "keeper");
    CHECK(pthread_mutex_lock(&mutex) == 0);
    is_held = true;
    while (!may_end) pause_briefly();
    CHECK(pthread_mutex_unlock(&mutex) == 0);
  });
  while (!is_held) pause_briefly();
  Thread waiter("waiter", [&] {
    CHECK(pthread_mutex_lock(&mutex) == 0);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
  });
  await_report("over");
  may_end = true;
}
