// A mutex that two processes share is held by a thread of the other one, which is stopped: the mutex's own field names it, and
// that process maps the mutex's page.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s
// EXPECT: thread \d+ "keeper" of process \d+ "owner_in_anothe" has held mutex L1 \d+ ms at least \(limit 300 ms\); 1 thread waits
// FORBID: holder unknown
// EXPECT-JSON: [event["event"] for event in over] == ["hold"] and held_by(e) == {"keeper"}
// EXPECT-JSON: holder(over[0])["state"] == "stopped" and holder(over[0])["pid"] != over[0]["pid"]
// EXPECT-JSON: holder(over[0])["evidence"] == "stated" and waited_by(over) == {"waiter"}
#include <csignal>

#include <sys/wait.h>

#include "tests/programs/harness.h"
#include "tests/shared_locks.h"
using namespace harness;

int main() {
  pthread_mutex_t* const mutex = &shared_locks::map_shared_lock<pthread_mutex_t>();
  int ready[2];
  CHECK(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    unsetenv("LD_PRELOAD");
    Thread keeper("keeper", [&] {
      pthread_mutex_lock(mutex);
      CHECK(write(ready[1], "", 1) == 1);
      pause();
    });
  }
  char byte;
  CHECK(read(ready[0], &byte, 1) == 1);
  kill(child, SIGSTOP);
  std::thread([&] {
    pthread_setname_np(pthread_self(), "waiter");
    pthread_mutex_lock(mutex);
  }).detach();
  await_report("over");
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  std::puts("done");
  std::fflush(stdout);
  _exit(0);
}
