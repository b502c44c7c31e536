// A thread that was signalled has to take its mutex back, and waits for whoever has it: what it holds meanwhile is behind that, and
// has no report of its own.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: thread \d+ "signaller" has held mutex L\d+ .*; 2 threads wait
// EXPECT-JSON: held_by(e) == {"signaller"} and {event["event"] for event in e} == {"hold"}
// EXPECT-JSON: waited_by(still) == {"signalled"} and still[-1]["tree"]["threads"] == 2
#include <mutex>

#include "shim/holdwatch.h"
#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_mutex_t queue = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
std::mutex session;

}  // namespace

int main() {
  Event is_in, release;
  // Until this is over its limit, the queue has been for long.
  HOLDWATCH_SET_LIMIT(&session, 800'000'000);
  Thread signalled("signalled", [&] {
    const std::lock_guard guard(session);
    pthread_mutex_lock(&queue);
    is_in.fire();
    pthread_cond_wait(&filled, &queue);
    pthread_mutex_unlock(&queue);
  });
  is_in.wait();
  Thread waiter("waiter", [&] { const std::lock_guard wanted(session); });
  waiter.wait_until_blocked_on(session);
  Thread signaller("signaller", [&] {
    pthread_mutex_lock(&queue);  // returns once the other one has let it go
    pthread_cond_signal(&filled);
    release.wait();
    pthread_mutex_unlock(&queue);
  });
  signalled.wait_until_blocked_on(queue);
  await_report("over");
  await_report("still", 2);
  release.fire();
  await_report("released");
}
