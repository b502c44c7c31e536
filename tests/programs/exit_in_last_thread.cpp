// When the main thread has left by pthread_exit, exit handlers run in the last thread of the program, with its signals, its
// stack and what it holds.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-NOTHING
#include <alloca.h>

#include <csignal>
#include <cstring>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t lock = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
thread_local int of_thread = 0;

void at_exit() {
  char name[16] = "";
  pthread_getname_np(pthread_self(), name, sizeof name);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  constexpr size_t kLarge = 1 << 20;
  std::memset(alloca(kLarge), 1, kLarge);
  std::printf("in \"%s\" with %d, SIGUSR1 blocked: %d, unlock: %d\n", name, of_thread, sigismember(&mask, SIGUSR1),
              pthread_mutex_unlock(&lock));
  std::fflush(stdout);
}

int main() {
  std::atexit(at_exit);
  std::thread([] {
    pthread_setname_np(pthread_self(), "last");
    of_thread = 42;
    CHECK(pthread_mutex_lock(&lock) == 0);
    std::this_thread::sleep_for(50ms);
  }).detach();
  pthread_exit(nullptr);
}
