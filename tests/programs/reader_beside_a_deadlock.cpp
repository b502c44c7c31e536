// A deadlock does not explain another reader of one of its locks, nor those who join that: this hold is reported with the
// waiter that the lock has, and ends when the reader releases the lock. A snapshot has it too.
// RUN-ENV: HOLDWATCH_LIMIT=1500ms
// EXPECT: thread \d+ "beside" and 1 more reader have held rwlock L\d+ for reading
// EXPECT: L\d+ released by \d+ "beside"
// EXPECT-JSON: len(deadlocks) >= 1 and {name for event in deadlocks for name in (h["thread"] for h in event["holders"])} == {"reader", "writer"}
// EXPECT-JSON: [h["thread"] for h in over[0]["holders"]] == ["beside", "reader"] and over[0]["root"]["thread"] == "beside"
// EXPECT-JSON: waited_by(over) == {"writer"}
// EXPECT-JSON: holder(released[0])["thread"] == "beside" and released[0]["threads_delayed"] >= 1
// EXPECT-JSON: len(over) == 1 and len(released) == 1 and count(phase="late") == 0
// NO-BARE: without a watch nothing would end it
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

pthread_rwlock_t list = PTHREAD_RWLOCK_INITIALIZER;
std::mutex session;

}  // namespace

int main() {
  if (!is_watched()) return 0;
  static Event beside_has_it, reader_has_it, writer_has_session, go_on, release;
  Thread beside("beside", [] {
    pthread_rwlock_rdlock(&list);
    beside_has_it.fire();
    release.wait();
    pthread_rwlock_unlock(&list);
  });
  beside_has_it.wait();
  Thread reader("reader", [] {
    pthread_rwlock_rdlock(&list);
    reader_has_it.fire();
    go_on.wait();
    session.lock();
  });
  reader_has_it.wait();
  Thread writer("writer", [] {
    const std::lock_guard guard(session);
    writer_has_session.fire();
    pthread_rwlock_wrlock(&list);
  });
  writer_has_session.wait();
  writer.wait_until_blocked_on(list);
  go_on.fire();
  await_report("deadlock over");
  await_report("hold over");
  release.fire();
  await_report("released");
  ::_exit(0);
}
