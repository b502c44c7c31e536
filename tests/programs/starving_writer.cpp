// Readers that overlap keep a writer out, though none of them holds the lock for long: the wait itself is reported.
// RUN-ENV: HOLDWATCH_LIMIT=10s HOLDWATCH_WAIT_LIMIT=300ms
// EXPECT: ^holdwatch\[\d+\]: thread \d+ "writer" has waited
// EXPECT-JSON: count(event="hold") == 0 and waits[0]["phase"] == "over" and waits[0]["limit_ns"] == 300 * ms
// EXPECT-JSON: [w["threads"] for w in waits[0]["waiters"] if w["mode"] == "exclusive"] == [["writer"]]
// EXPECT-JSON: waits[0]["waiters"][0]["longest_ns"] >= 300 * ms and has(waits[0]["waiters"][0]["stack"], "writes")
// EXPECT-JSON: held_by(waits) <= {"even", "odd"}
#include "tests/programs/harness.h"
using namespace harness;

pthread_rwlock_t list = PTHREAD_RWLOCK_INITIALIZER;  // prefers readers
std::atomic<bool> done{false};
std::atomic<int> turn{-1};

// Takes its next hold before the other thread may end its own: the lock is never free.
void reads_in_turns(int mine) {
  while (!done) {
    pthread_rwlock_rdlock(&list);
    turn = mine;
    while (turn == mine && !done) std::this_thread::sleep_for(1ms);
    pthread_rwlock_unlock(&list);
  }
}

OWN_FRAME void writes() {
  pthread_rwlock_wrlock(&list);
  pthread_rwlock_unlock(&list);
}

int main() {
  Thread even("even", [] { reads_in_turns(0); }), odd("odd", [] { reads_in_turns(1); });
  // Before a reader has it, the writer would get the lock and be gone.
  while (turn < 0) pause_briefly();
  Thread writer("writer", writes);
  if (is_watched()) writer.wait_until_blocked_on(list);
  await_report("wait");
  done = true;
}
