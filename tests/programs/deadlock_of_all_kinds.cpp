// A circle through locks of every kind: a reader waits for a mutex, whose holder waits to write, whose reader waits in a
// condition wait that has been woken, for a C11 mutex, whose holder wants to write what the first one reads.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: deadlock of 4 threads
// EXPECT-JSON: {event["event"] for event in deadlocks} == {"deadlock"} and e[-len(deadlocks):] == deadlocks
// EXPECT-JSON: [h["thread"] for h in deadlocks[0]["holders"]] == ["reads A", "has mutex", "reads B", "has mtx"]
// EXPECT-JSON: [h["mode"] for h in deadlocks[0]["holders"]] == ["shared", "exclusive", "shared", "exclusive"]
// EXPECT-JSON: [step["kind"] for step in deadlocks[0]["cycle"]] == ["rwlock", "mutex", "rwlock", "mutex"]
// EXPECT-JSON: len({step["holds"] for step in deadlocks[0]["cycle"]}) == 4
#include <threads.h>

#include "tests/programs/harness.h"
using namespace harness;

pthread_rwlock_t a = PTHREAD_RWLOCK_INITIALIZER, b = PTHREAD_RWLOCK_INITIALIZER;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
mtx_t mtx;
cnd_t condition;
Event reads_a, has_mutex, reads_b, has_mtx, waits, may_wait;

int main() {
  CHECK(mtx_init(&mtx, mtx_plain) == thrd_success && cnd_init(&condition) == thrd_success);
  auto* first = new Thread("reads A", [] {
    CHECK(pthread_rwlock_rdlock(&a) == 0);
    reads_a.fire();
    may_wait.wait();
    pthread_mutex_lock(&mutex);
  });
  reads_a.wait();
  auto* second = new Thread("has mutex", [] {
    CHECK(pthread_mutex_lock(&mutex) == 0);
    has_mutex.fire();
    may_wait.wait();
    pthread_rwlock_wrlock(&b);
  });
  has_mutex.wait();
  auto* third = new Thread("reads B", [] {
    CHECK(pthread_rwlock_rdlock(&b) == 0);
    CHECK(mtx_lock(&mtx) == thrd_success);
    reads_b.fire();
    cnd_wait(&condition, &mtx);
  });
  reads_b.wait();
  third->wait_until_blocked_on(condition);
  auto* fourth = new Thread("has mtx", [] {
    CHECK(mtx_lock(&mtx) == thrd_success);
    cnd_signal(&condition);
    has_mtx.fire();
    may_wait.wait();
    pthread_rwlock_wrlock(&a);
  });
  has_mtx.wait();
  may_wait.fire();
  first->wait_until_blocked_on(mutex);
  second->wait_until_blocked_on(b);
  third->wait_until_blocked_on(mtx);
  fourth->wait_until_blocked_on(a);
  await_report("deadlock");
  std::_Exit(0);
}
