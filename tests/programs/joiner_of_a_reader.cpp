// Who joins one of several readers is behind that one, not behind the one that came first. While nobody waits for the lock
// itself, the joined one is the root, and comes first; once a writer waits, for both, the oldest is. Then what the joining thread holds
// has a report of its own.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: L1 still held by \d+ "second" and 1 more reader, .*; 2 threads wait$
// EXPECT: L1 still held by \d+ "first" and 1 more reader, .*; 1 thread waits$
// EXPECT-JSON: [[step["thread"] for step in event["chain"]] for event in still if holder(event)["thread"] == "second"][-1] == ["second", "joiner"]
// EXPECT-JSON: [event for event in still if holder(event)["thread"] == "second"][-1]["tree"]["threads"] == 2
// EXPECT-JSON: {event["root"]["thread"] for event in still if event["waiters"] and event["lock"]["kind"] == "rwlock"} == {"first"}
// EXPECT-JSON: [(event["root"]["thread"], event["event"], waited_by([event])) for event in over if holder(event)["thread"] == "joiner"] == [("second", "hold", {"waiter"})]
// EXPECT-JSON: {ender["thread"] for event in e for step in event["chain"] if step["thread"] == "joiner" for ender in step["wait"]["enders"]} == {"second"}
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_rwlock_t list = PTHREAD_RWLOCK_INITIALIZER;
  std::mutex session;
  Event release, first_has_it, second_has_it, joiner_has_session;
  const auto read = [&](Event& locked) {
    pthread_rwlock_rdlock(&list);
    locked.fire();
    release.wait();
    pthread_rwlock_unlock(&list);
  };
  Thread first("first", [&] { read(first_has_it); });
  first_has_it.wait();
  std::this_thread::sleep_for(is_watched() ? 20ms : 0ms);
  Thread second("second", [&] { read(second_has_it); });
  second_has_it.wait();
  Thread joiner("joiner", [&] {
    const std::lock_guard guard(session);
    joiner_has_session.fire();
    second.join();
  });
  joiner_has_session.wait();
  Thread waiter("waiter", [&] { const std::lock_guard wanted(session); });
  waiter.wait_until_blocked_on(session);
  await_report("still");
  await_next_report("still");
  Thread writer("writer", [&] {
    pthread_rwlock_wrlock(&list);
    pthread_rwlock_unlock(&list);
  });
  writer.wait_until_blocked_on(list);
  await_next_report("still");
  await_report_of("over", "joiner", 1);
  release.fire();
  joiner.join();
  await_report("released");
}
