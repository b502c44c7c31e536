// A thread that waits for a lock with a timeout goes on waiting when the process has been stopped and continued, in a system
// call of another number: it is a waiter all the same.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(still) >= 2 and all(waited_by([event]) == {"waiter"} for event in still)
#include <sys/wait.h>

#include <csignal>

#include "tests/programs/harness.h"
using namespace harness;

// From a child, since a stopped process cannot continue itself.
void stop_and_continue() {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    kill(getppid(), SIGSTOP);
    const std::string status = "/proc/" + std::to_string(getppid()) + "/status";
    while (read_file(status).find("T (stopped)") == std::string::npos) pause_briefly();
    kill(getppid(), SIGCONT);
    _exit(0);
  }
  CHECK(waitpid(child, nullptr, 0) == child);
}

int main() {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  Event release;
  CHECK(pthread_mutex_lock(&lock) == 0);
  Thread waiter("waiter", [&] {
    timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 3600;
    CHECK(pthread_mutex_timedlock(&lock, &until) == 0);
    CHECK(pthread_mutex_unlock(&lock) == 0);
  });
  waiter.wait_until_blocked_on(lock);
  await_report("still");
  stop_and_continue();
  await_next_report("still");
  CHECK(pthread_mutex_unlock(&lock) == 0);
  await_report("released");
}
