// The holder of a lock waits for a mutex that it shares with another process, one of whose threads has it: that thread is named,
// with its process, and is the root of the stall.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s
// EXPECT: thread \d+ "holder" has held mutex L1 \d+ ms \(limit 300 ms\); 1 thread waits
// EXPECT: now +waiting for .*, held by thread (\d+) "keeper" of process (?!\1)\d+
// FORBID: the lock does not say who has it
// EXPECT-JSON: "holder" in held_by(over)
// EXPECT-JSON: all(event["root"]["thread"] == "keeper" and event["root"]["pid"] != event["pid"] for event in over if held_by([event]) == {"holder"})
// EXPECT-JSON: all([(x["thread"], x["evidence"]) for x in holder(event)["wait"]["enders"]] == [("keeper", "stated")] for event in over if held_by([event]) == {"holder"})
#include <csignal>

#include <sys/wait.h>

#include "tests/programs/harness.h"
#include "tests/shared_locks.h"
using namespace harness;

int main() {
  auto& shared = shared_locks::map_shared_lock<pthread_mutex_t>();
  auto& is_held = shared_locks::map_shared<std::atomic<bool>>();
  const pid_t child = fork();
  if (child == 0) {
    Thread keeper("keeper", [&] {
      CHECK(pthread_mutex_lock(&shared) == 0);
      is_held = true;
      pause();
    });
  }
  while (!is_held) pause_briefly();
  static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  Event taken;
  new Thread("holder", [&] {
    CHECK(pthread_mutex_lock(&own) == 0);
    taken.fire();
    pthread_mutex_lock(&shared);
  });
  taken.wait();
  new Thread("waiter", [&] { pthread_mutex_lock(&own); });
  while (is_watched() && count_reports_of("over", "holder") == 0) pause_briefly();
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  std::puts("done");
  std::fflush(stdout);
  ::_exit(0);
}
