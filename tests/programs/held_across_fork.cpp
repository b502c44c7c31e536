// The thread that forks goes on in the child with the locks that it holds: there they are held, by the thread's new id.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: [event["pid"] for event in over if event["pid"] == holder(event)["tid"]] != []
// EXPECT-JSON: all(has(holder(event)["taken"], "main") for event in over if event["pid"] == holder(event)["tid"])
#include <sys/wait.h>

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex held;
  Event parent_may_go;
  held.lock();
  const pid_t child = fork();
  if (child == 0) {
    {
      Thread starts_the_watch("other", [] {});
    }
    await_report("over");
    held.unlock();
    await_report("released");
    ::_exit(0);
  }
  held.unlock();
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  return status;
}
