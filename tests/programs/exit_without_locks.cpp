// The same of a program whose last thread never took a lock: we do not see it leave, and exit handlers run in a thread that
// has signals and a stack as any of the program's.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-NOTHING
#include <alloca.h>

#include <csignal>
#include <cstring>

#include "tests/programs/harness.h"
using namespace harness;

void at_exit() {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  constexpr size_t kLarge = 1 << 20;
  std::memset(alloca(kLarge), 1, kLarge);
  std::printf("SIGUSR1 blocked: %d\n", sigismember(&mask, SIGUSR1));
  std::fflush(stdout);
}

int main() {
  std::atexit(at_exit);
  std::thread([] { std::this_thread::sleep_for(50ms); }).detach();
  pthread_exit(nullptr);
}
