// A thread that waits for what it holds: a mutex taken twice, and a read lock taken again while a writer waits, of a kind
// that lets writers go first.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: thread \d+ "\w+" has waited .* for \w+ L\d, which it holds itself( for reading)?;
// EXPECT-JSON: {event["event"] for event in deadlocks} == {"self_deadlock"}
// EXPECT-JSON: {holder(event)["thread"]: holder(event)["mode"] for event in deadlocks} == {"locks": "exclusive", "reads": "shared"}
// EXPECT-JSON: all(event["cycle"][0]["holds"] == event["cycle"][0]["waits_for"] == event["lock"]["id"] for event in deadlocks)
// EXPECT-JSON: waited_by(deadlocks) == {"writes"}
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
  static Event is_read, writer_waits;
  new Thread("locks", [] {
    CHECK(pthread_mutex_lock(&mutex) == 0);
    pthread_mutex_lock(&mutex);
  });
  new Thread("reads", [] {
    CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
    is_read.fire();
    writer_waits.wait();
    pthread_rwlock_rdlock(&rwlock);
  });
  is_read.wait();
  (new Thread("writes", [] { pthread_rwlock_wrlock(&rwlock); }))->wait_until_blocked_on(rwlock);
  writer_waits.fire();
  await_report("self_deadlock", 2);
  std::_Exit(0);
}
