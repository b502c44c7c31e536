// After unshare(CLONE_NEWPID) the kernel gives a process no more threads, the program no more than us: one line says so. Its
// children, which are in the new namespace, are watched.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: cannot start holdwatch's threads: after unshare\(CLONE_NEWPID\) the kernel refuses new threads; the program runs unwatched$
// FORBID: no thread or memory
// EXPECT-JSON: [(event["pid"], holder(event)["tid"]) for event in over] == [(1, 4)]
#include <sched.h>
#include <sys/wait.h>

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  if (unshare(CLONE_NEWPID) != 0) skip("no pid namespaces here");
  const pid_t child = fork();
  if (child == 0) {
    std::mutex lock;
    std::thread([&] {
      const std::lock_guard held(lock);
      await_report("over");
    }).join();
    std::fflush(stdout);
    ::_exit(0);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  pthread_t thread;
  CHECK(pthread_create(
            &thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr) == EINVAL);
}
