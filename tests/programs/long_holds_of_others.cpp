// The long holds in the tests of other detectors, built anew: DRD's hold_lock (a mutex, a recursive mutex, an rwlock held for
// writing and for reading, without waiters), and go-deadlock's, where a second thread waits: for a lock that was taken by a try, and
// to read behind a writer. Of the readers, only the one that still reads is named. Which is which: docs/waits.md.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_READ_LIMIT=150ms HOLDWATCH_WAIT_LIMIT=60s HOLDWATCH_ONLY=all
// FORBID: deadlock
// EXPECT: "mutex" has held mutex L\d+ \d+ ms \(limit 100 ms\); no waiters
// EXPECT: "recursive" has held mutex L\d+ \d+ ms \(limit 100 ms\); no waiters
// EXPECT: "writer" has held rwlock L\d+ for writing \d+ ms \(limit 100 ms\); no waiters
// EXPECT: "reader" has held rwlock L\d+ for reading \d+ ms \(limit 150 ms\); no waiters
// EXPECT-JSON: {event["event"] for event in e} == {"hold"} and held_by(over) - {"has read", "waiter", "wants to write", "starved"}
//     == {"mutex", "recursive", "writer", "reader", "waited for", "tried", "reads on"}
// EXPECT-JSON: waited_by(e) == {"waiter", "wants to write", "starved"}
// EXPECT-JSON: [sorted(waited_by([event])) for event in still if held_by([event]) == {"reads on"}][-1] == ["starved", "wants to write"]
#include "tests/programs/harness.h"
using namespace harness;

namespace {

// In a thread with this name, from `take` until it has been reported.
template <typename Take, typename Release>
void hold(const char* name, Take take, Release release) {
  Thread(name, [&] {
    CHECK(take() == 0);
    await_report_of("over", name, 1);
    CHECK(release() == 0);
    await_report_of("released", name, 1);
  }).join();
}

void hold_while_waited_for(const char* name, pthread_mutex_t& mutex, int (*take)(pthread_mutex_t*)) {
  Event is_held;
  Thread holder(name, [&] {
    CHECK(take(&mutex) == 0);
    is_held.fire();
    await_report_of("over", name, 1);
    await_report_of("still", name, 1);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
  });
  is_held.wait();
  Thread waiter("waiter", [&] {
    CHECK(pthread_mutex_lock(&mutex) == 0);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
  });
}

// A reader that reads on, one that has read meanwhile, a writer, and a reader behind the writer.
void starve_reader() {
  static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
  const auto unlock = [] { CHECK(pthread_rwlock_unlock(&rwlock) == 0); };
  Event reads, all_wait;
  Thread reads_on("reads on", [&] {
    CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
    reads.fire();
    all_wait.wait();
    await_next_report("still");
    unlock();
  });
  reads.wait();
  Thread("has read", [&] {
    CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
    unlock();
  }).join();
  Thread writer("wants to write", [&] {
    CHECK(pthread_rwlock_wrlock(&rwlock) == 0);
    unlock();
  });
  writer.wait_until_blocked_on(rwlock);
  Thread starved("starved", [&] {
    CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
    unlock();
  });
  starved.wait_until_blocked_on(rwlock);
  all_wait.fire();
}

}  // namespace

int main() {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, recursive;
  pthread_mutexattr_t kind;
  pthread_mutexattr_init(&kind);
  pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
  CHECK(pthread_mutex_init(&recursive, &kind) == 0);
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  const auto unlock_rwlock = [&] { return pthread_rwlock_unlock(&rwlock); };
  hold(
      "mutex", [&] { return pthread_mutex_lock(&mutex); }, [&] { return pthread_mutex_unlock(&mutex); });
  hold(
      "recursive", [&] { return pthread_mutex_lock(&recursive) + pthread_mutex_lock(&recursive); },
      [&] { return pthread_mutex_unlock(&recursive) + pthread_mutex_unlock(&recursive); });
  hold(
      "writer", [&] { return pthread_rwlock_wrlock(&rwlock); }, unlock_rwlock);
  hold(
      "reader", [&] { return pthread_rwlock_rdlock(&rwlock); }, unlock_rwlock);
  CHECK(pthread_mutex_lock(&recursive) == 0 && pthread_mutex_unlock(&recursive) == 0);
  hold_while_waited_for("waited for", mutex, pthread_mutex_lock);
  hold_while_waited_for("tried", mutex, pthread_mutex_trylock);
  starve_reader();
}
