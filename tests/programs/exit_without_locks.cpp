// The same of a program whose last thread never took a lock: no hook of ours sees it leave.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-NOTHING
#include <alloca.h>

#include <csignal>
#include <cstring>

#include "tests/programs/harness.h"
using namespace harness;

thread_local int of_thread = 0;

void at_exit() {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  constexpr size_t kLarge = 1 << 20;
  std::memset(alloca(kLarge), 1, kLarge);
  std::printf("with %d, SIGUSR1 blocked: %d\n", of_thread, sigismember(&mask, SIGUSR1));
  std::fflush(stdout);
}

int main() {
  std::atexit(at_exit);
  std::thread([] {
    of_thread = 42;
    std::this_thread::sleep_for(50ms);
  }).detach();
  pthread_exit(nullptr);
}
