// A thread that is not the main one forks, makes a thread in the child and returns: the child ends when its last thread
// does, though the thread that is its main one now has ended like any other.
// RUN-ENV: HOLDWATCH_LIMIT=10s
// EXPECT-NOTHING
#include <sys/wait.h>
#include <unistd.h>

#include <mutex>
#include <thread>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex lock;

int main() {
  pid_t child = -1;
  std::thread forks([&] {
    child = fork();
    if (child != 0) return;
    std::thread([] { std::lock_guard guard(lock); }).detach();
  });
  forks.join();
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
