// A handler of fork joins a worker that waits for what the forking thread holds: one deadlock of two and one lock.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: deadlock of 2 threads( for \d.*)?: \d+ "spawn" holds L1 and waits for thread (\d+) "worker" to exit, \2 "worker" waits for L1; no other waiters$
// EXPECT-JSON: {event["event"] for event in deadlocks} == {"deadlock"} and e[-len(deadlocks):] == deadlocks
// EXPECT-JSON: [(step["holds"], step["waits_for"]) for step in deadlocks[0]["cycle"]] == [("L1", None), (None, "L1")]
// EXPECT-JSON: has(deadlocks[0]["holders"][0]["now"], "before_fork")
// NO-BARE: without a watch nothing would end it
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex table;
Thread* pool;
Event has_table;

OWN_FRAME void before_fork() {
  pool->join();
  has_table.fire();  // for a frame of its own: the join is not the last call
}

int main() {
  CHECK(pthread_atfork(before_fork, nullptr, nullptr) == 0);
  pool = new Thread("worker", [] {
    has_table.wait();
    std::lock_guard guard(table);
  });
  new Thread("spawn", [] {
    std::lock_guard guard(table);
    has_table.fire();
    if (::fork() == 0) ::_exit(0);
  });
  await_report("deadlock");
  std::_Exit(0);
}
