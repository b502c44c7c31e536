// A lock that a signal handler takes on an alternate stack, and keeps: reported as the thread's, with the handler's frames.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 1 and has(holder(over[0])["taken"], "handles") and has(holder(over[0])["now"], "handles")
#include <csignal>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
Event release;

OWN_FRAME void handles(int) {
  CHECK(pthread_mutex_lock(&lock) == 0);
  release.wait();
  CHECK(pthread_mutex_unlock(&lock) == 0);
}

int main() {
  struct sigaction action {};
  action.sa_handler = handles;
  action.sa_flags = SA_ONSTACK;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  Thread thread("handler", [] {
    std::vector<char> memory(static_cast<size_t>(SIGSTKSZ) * 2);
    const stack_t stack{memory.data(), 0, memory.size()};
    const stack_t none{nullptr, SS_DISABLE, 0};
    CHECK(sigaltstack(&stack, nullptr) == 0);
    CHECK(raise(SIGUSR1) == 0);
    CHECK(sigaltstack(&none, nullptr) == 0);
  });
  await_report("over");
  release.fire();
  await_report("released");
}
