// A handler that takes locks interrupts its thread anywhere, also in the middle of our hooks: neither's holds are lost or
// stay for ever.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: held_by(e) == {"last"} and all(event["unrecorded_holds"] == 0 for event in e)
#include <sys/time.h>

#include <csignal>

#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t of_handler[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
pthread_rwlock_t of_program = PTHREAD_RWLOCK_INITIALIZER;
pthread_mutex_t inner = PTHREAD_MUTEX_INITIALIZER;
volatile sig_atomic_t handled = 0;

void takes_locks(int) {
  for (pthread_mutex_t& lock : of_handler) pthread_mutex_lock(&lock);
  for (pthread_mutex_t& lock : of_handler) pthread_mutex_unlock(&lock);
  handled = handled + 1;
}

int main() {
  struct sigaction action {};
  action.sa_handler = takes_locks;
  action.sa_flags = SA_RESTART;
  CHECK(sigaction(SIGPROF, &action, nullptr) == 0);
  Thread interrupted("interrupted", [] {
    const itimerval often{{0, 100}, {0, 100}};
    CHECK(setitimer(ITIMER_PROF, &often, nullptr) == 0);
    const auto end = std::chrono::steady_clock::now() + 1s;
    while (std::chrono::steady_clock::now() < end) {
      pthread_rwlock_rdlock(&of_program);
      pthread_mutex_lock(&inner);
      pthread_rwlock_rdlock(&of_program);
      pthread_rwlock_unlock(&of_program);
      pthread_mutex_unlock(&inner);
      pthread_rwlock_unlock(&of_program);
    }
    const itimerval never{};
    CHECK(setitimer(ITIMER_PROF, &never, nullptr) == 0);
    // Whatever it still seems to hold would be reported now.
    hold_until_reported("last");
  });
  interrupted.join();
  CHECK(handled > 0);
  std::puts("done");
}
