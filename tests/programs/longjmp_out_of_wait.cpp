// A signal handler that jumps out of waiting for a lock has ended the wait: nobody waits, whatever the record says.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_WAIT_LIMIT=300ms
// EXPECT-JSON: waits == [] and len(over) == 1 and not any(event["waiters"] for event in over + still)
#include <setjmp.h>

#include <csignal>

#include "tests/programs/harness.h"
using namespace harness;

thread_local sigjmp_buf before_wait;

int main() {
  struct sigaction action {};
  action.sa_handler = [](int) { siglongjmp(before_wait, 1); };
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  Event gone;
  CHECK(pthread_mutex_lock(&lock) == 0);
  Thread jumps("jumps", [&] {
    if (sigsetjmp(before_wait, 1) == 0) pthread_mutex_lock(&lock);
    gone.wait();
  });
  jumps.wait_until_blocked_on(lock);
  CHECK(pthread_kill(jumps.handle(), SIGUSR1) == 0);
  jumps.wait_until_blocked_in(SYS_read);
  await_next_report("still");
  gone.fire();
  jumps.join();
  CHECK(pthread_mutex_unlock(&lock) == 0);
  await_report("released");
}
