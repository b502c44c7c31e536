// A mutex that two processes share is held by a thread of the other one, which ends: reported as a hold while it lives, and as
// abandoned from then on. No unlock can come any more.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s
// EXPECT: thread \d+ "keeper" of process \d+ "keeper" has held mutex L1 \d+ ms at least
// EXPECT: L1 still held by \d+ "keeper" of process \d+ "keeper", which has exited
// EXPECT-JSON: [event["event"] for event in over] == ["hold"] and held_by(e) == {"keeper"}
// EXPECT-JSON: {holder(event)["state"] for event in e if event["event"] == "abandoned"} == {"gone"}
#include <csignal>

#include <sys/prctl.h>
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
    prctl(PR_SET_NAME, "keeper");
    pthread_mutex_lock(mutex);
    CHECK(write(ready[1], "", 1) == 1);
    while (true) pause();
  }
  char byte;
  CHECK(read(ready[0], &byte, 1) == 1);
  std::thread([&] {
    pthread_setname_np(pthread_self(), "waiter");
    pthread_mutex_lock(mutex);
  }).detach();
  await_report("over");
  kill(child, SIGKILL);
  CHECK(waitpid(child, nullptr, 0) == child);
  await_report("abandoned still");
  std::puts("done");
  std::fflush(stdout);
  _exit(0);
}
