// A writer waits for all readers of an rwlock. One report has them all, longest first; the mutex that the writer holds
// meanwhile, and what is behind that, have none, although a reader that has come later waits for nobody: it is not to blame. The root
// that is shown is that of the first of them.
// RUN-ENV: HOLDWATCH_LIMIT=400ms
// EXPECT: thread \d+ "first" and 1 more reader have held rwlock L1 for reading
// EXPECT: ^  root +\d+ "helper", read\(fd \d+ .*; behind it is \d+, one of 2 holders; at least \d threads? waits? for it
// EXPECT: L1 still held by \d+ "first" and (1 more reader|2 more readers), .*; 2 threads wait$
// EXPECT-JSON: all({h["thread"] for h in event["holders"]} <= {"first", "second", "late"} for event in e)
// EXPECT-JSON: [step["thread"] for step in still[-1]["chain"]] == ["helper", "first", "writer"]
// EXPECT-JSON: still[-1]["tree"]["threads"] == 3 and waited_by(still[-1:]) == {"writer"}
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_rwlock_t list = PTHREAD_RWLOCK_INITIALIZER;
  std::mutex session;
  Event release;
  Thread helper("helper", [&] { release.wait(); });
  Thread other_helper("other_helper", [&] { release.wait(); });
  helper.wait_until_blocked_in(SYS_read);
  const auto read = [&](Event& locked, auto keep_it) {
    pthread_rwlock_rdlock(&list);
    locked.fire();
    keep_it();
    pthread_rwlock_unlock(&list);
  };
  Event first_has_it, second_has_it, late_has_it, writer_has_session;
  Thread first("first", [&] { read(first_has_it, [&] { helper.join(); }); });
  first_has_it.wait();
  std::this_thread::sleep_for(is_watched() ? 20ms : 0ms);
  Thread second("second", [&] { read(second_has_it, [&] { other_helper.join(); }); });
  second_has_it.wait();
  Thread writer("writer", [&] {
    std::lock_guard guard(session);
    writer_has_session.fire();
    pthread_rwlock_wrlock(&list);
    pthread_rwlock_unlock(&list);
  });
  writer_has_session.wait();
  Thread waiter("waiter", [&] { std::lock_guard wanted(session); });
  waiter.wait_until_blocked_on(session);
  await_report("over");
  Thread late("late", [&] { read(late_has_it, [&] { release.wait(); }); });
  late_has_it.wait();
  await_next_report("still");
  release.fire();
  await_report("released");
}
