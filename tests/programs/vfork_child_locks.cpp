// A child of vfork, which lives in its parent's memory, locks before it starts its program: the parent's record is right
// afterwards, and what the parent holds all the while is reported as the parent's.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: held_by(e) == {"parent"} and {event["pid"] for event in e} == {e[0]["pid"]} and len(over) == 1
#include <sys/wait.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
  Thread parent("parent", [&] {
    CHECK(pthread_mutex_lock(&held) == 0);
    for (int round = 0; round < 100; ++round) {
      const pid_t child = vfork();
      if (child == 0) {
        pthread_mutex_lock(&other);
        pthread_mutex_unlock(&other);
        if (round % 2 == 0) _exit(7);
        execl("/bin/sh", "sh", "-c", "exit 7", nullptr);
        _exit(1);
      }
      int status = -1;
      CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
      CHECK(pthread_mutex_lock(&other) == 0 && pthread_mutex_unlock(&other) == 0);
    }
    await_report("over");
    CHECK(pthread_mutex_unlock(&held) == 0);
  });
  await_report("released");
}
