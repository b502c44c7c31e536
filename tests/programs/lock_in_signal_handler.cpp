// A signal handler that takes a lock of its own while its thread waits for another one: both records stay right.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: held_by(over) == {"holder"} and waited_by(still) == {"waiter"}
#include <csignal>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex of_handler;
std::atomic<int> handled{0};

int main() {
  std::mutex lock;
  Event locked, release;
  struct sigaction action {};
  action.sa_handler = [](int) {
    std::lock_guard guard(of_handler);
    ++handled;
  };
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    locked.fire();
    release.wait();
  });
  locked.wait();
  Thread waiter("waiter", [&] { std::lock_guard guard(lock); });
  for (int round = 0; round < 3; ++round) {
    waiter.wait_until_blocked_on(lock);
    CHECK(pthread_kill(waiter.handle(), SIGUSR1) == 0);
    while (handled == round) pause_briefly();
  }
  waiter.wait_until_blocked_on(lock);
  await_next_report("still");
  release.fire();
  await_report("released");
}
