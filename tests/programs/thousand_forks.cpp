// A thousand forks in a row, from a thread that holds locks, while other threads take and are reported for theirs: each
// child can use its own locks and ends as it wants to.
// RUN-ENV: HOLDWATCH_LIMIT=20ms HOLDWATCH_REPEAT=1
// EXPECT-JSON: held_by(over) >= {"forks", "stuck"} and not any(event["pid"] != e[0]["pid"] for event in e)
#include <sys/wait.h>

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex held, other, busy;
  std::atomic<bool> stop{false};
  Event release;
  Thread stuck("stuck", [&] {
    std::lock_guard guard(held);
    release.wait();
  });
  // Holds just beyond the limit, one after the other: reports are being written at nearly any time.
  Thread churns("churns", [&] {
    while (!stop) {
      std::lock_guard guard(busy);
      std::this_thread::sleep_for(30ms);
    }
  });
  int bad = 0;
  Thread forks("forks", [&] {
    std::lock_guard guard(other);
    for (int round = 0; round < 1000; ++round) {
      const pid_t child = fork();
      if (child == 0) {
        std::mutex own;
        { std::lock_guard mine(own); }
        _exit(round % 100);
      }
      int status = -1;
      CHECK(waitpid(child, &status, 0) == child);
      bad += WIFEXITED(status) && WEXITSTATUS(status) == round % 100 ? 0 : 1;
    }
    await_report("over", 3);
  });
  forks.join();
  stop = true;
  churns.join();
  release.fire();
  std::printf("ended otherwise: %d\n", bad);
}
