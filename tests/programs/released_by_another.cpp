// A thread unlocks a mutex that another one has taken: the closing line does not say that its holder has released it. Where the
// holder has, it does.
// RUN-ENV: HOLDWATCH_LIMIT=150ms HOLDWATCH_REPEAT=0
// EXPECT: L\d+ is no longer held by \d+ "taker", after .*; 1 thread lost
// EXPECT: L\d+ released by \d+ "holder" after .*; no waiters seen
// EXPECT-JSON: len(released) == 2
#include <sys/syscall.h>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t handed_on = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;

OWN_FRAME void take(Event& over) {
  pthread_mutex_lock(&handed_on);
  over.wait();
}

OWN_FRAME void hold(Event& done) {
  pthread_mutex_lock(&own);
  done.wait();
  pthread_mutex_unlock(&own);
  asm volatile("");  // no tail call
}

}  // namespace

int main() {
  Event over;
  {
    Thread taker("taker", [&] { take(over); });
    taker.wait_until_blocked_in(SYS_read);
    Thread waiter("waiter", [&] {
      pthread_mutex_lock(&handed_on);
      pthread_mutex_unlock(&handed_on);
    });
    await_report("over");
    pthread_mutex_unlock(&handed_on);
    waiter.join();
    await_words("is no longer held by");
    over.fire();
  }
  Event done;
  Thread holder("holder", [&] { hold(done); });
  await_report("over", 2);
  done.fire();
  await_words("released by");
  await_report("released", 2);
}
