// What a thread of the parent held at the fork nobody can give back in the child, where it is told after LIMIT, also of two threads.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=60s HOLDWATCH_REPEAT=0
// EXPECT: mutex L1 can never be acquired in this process: \d+ held it in the parent process at the fork; 1 thread waits
// FORBID: a lock call was not seen
// EXPECT-JSON: [event["event"] for event in over if event["pid"] != over[0]["pid"]] == ["fork_orphan"]
// EXPECT-JSON: [holder(event)["state"] for event in over if event["event"] == "fork_orphan"] == ["gone"]
#include <sys/wait.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  Event locked, release;
  Thread keeper("keeper", [&] {
    pthread_mutex_lock(&mutex);
    locked.fire();
    release.wait();
    pthread_mutex_unlock(&mutex);
  });
  locked.wait();
  await_report("over");
  const pid_t child = fork();
  if (child == 0) {
    std::thread([] { pthread_mutex_lock(&mutex); }).detach();
    await_report("fork_orphan");
    _exit(0);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  release.fire();
  return status;
}
