// A forked child of a threaded program runs on unharmed, and its own threads are watched in their turn. A lock that a
// thread of the parent held at the fork is not held by anybody in the child.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: [holder(event)["thread"] for event in over] == ["in parent", "in child"]
// EXPECT-JSON: over[0]["pid"] != over[1]["pid"]
// EXPECT-JSON: all(held_by([event]) == {"in child"} for event in e if event["pid"] == over[1]["pid"])
#include <sys/wait.h>

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock, free;
  Event locked, release;
  hold_until_reported("in parent");
  Thread bystander("bystander", [&] {
    std::lock_guard guard(lock);
    locked.fire();
    release.wait();
  });
  locked.wait();
  const pid_t child = fork();
  if (child == 0) {
    release.fire();  // our copy of it: the parent's thread would wait for this one too
    { std::lock_guard guard(free); }
    hold_until_reported("in child");
    std::puts("child done");
    std::fflush(stdout);
    ::_exit(0);
  }
  release.fire();
  bystander.join();
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  std::puts("parent done");
  return status;
}
