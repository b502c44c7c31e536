// The reader that came first waits for a thread that joins the other reader: that one is the root, and nobody is in the chain,
// or counted, twice.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: ^  root +\d+ "second", read\(fd \d+ .*; behind it is \d+, one of 2 holders; at least 3 threads wait for it
// EXPECT-JSON: {tuple(step["thread"] for step in event["chain"]) for event in still if event["lock"]["kind"] == "rwlock"} == {("second", "keeper", "first")}
// EXPECT-JSON: {event["tree"]["threads"] for event in still if event["lock"]["kind"] == "rwlock"} == {3}
// EXPECT-JSON: all(event["tree"]["lost_ns"] <= 3 * max(h["held_ns"] for h in event["holders"]) for event in still if event["lock"]["kind"] == "rwlock")
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_rwlock_t list = PTHREAD_RWLOCK_INITIALIZER;
  std::mutex session;
  Event release, first_has_it, second_has_it, keeper_has_session;
  Thread* joined = nullptr;
  Event second_is_there;
  Thread keeper("keeper", [&] {
    const std::lock_guard guard(session);
    keeper_has_session.fire();
    second_is_there.wait();
    joined->join();
  });
  keeper_has_session.wait();
  Thread first("first", [&] {
    pthread_rwlock_rdlock(&list);
    first_has_it.fire();
    { const std::lock_guard wanted(session); }
    pthread_rwlock_unlock(&list);
  });
  first_has_it.wait();
  first.wait_until_blocked_on(session);
  Thread second("second", [&] {
    pthread_rwlock_rdlock(&list);
    second_has_it.fire();
    release.wait();
    pthread_rwlock_unlock(&list);
  });
  second_has_it.wait();
  joined = &second;
  second_is_there.fire();
  Thread writer("writer", [&] {
    pthread_rwlock_wrlock(&list);
    pthread_rwlock_unlock(&list);
  });
  writer.wait_until_blocked_on(list);
  await_report_of("still", "first", 4);
  release.fire();
  keeper.join();
  await_report("released");
}
