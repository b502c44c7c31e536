// A thread that blocks every signal and runs: no signal is sent to it, for it would stay pending, and the report says what
// it cannot see. sigpending finds nothing of ours.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 1 and holder(over[0])["state"] == "running" and holder(over[0])["now"]["note"] is not None
#include <csignal>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock;
  std::atomic<bool> stop{false};
  Thread runs("blocks all", [&] {
    sigset_t all, pending;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, nullptr) == 0);
    std::lock_guard guard(lock);
    while (!stop.load(std::memory_order_relaxed)) {
    }
    CHECK(sigpending(&pending) == 0);
    // Not by sigisemptyset: glibc 2.36's looks at the first 32 signals only.
    for (int number = 1; number < NSIG; ++number)
      if (sigismember(&pending, number) == 1) std::printf("pending: %d\n", number);
  });
  await_report("over");
  stop = true;
  await_report("released");
}
