// Readers that come while a writer waits: a report of the wait says how many of their holds were seen, where they were taken, and
// that the lock prefers readers. How many there were is known here, and no report may say more.
// RUN-ENV: HOLDWATCH_LIMIT=10s HOLDWATCH_WAIT_LIMIT=600ms
// EXPECT: "writer" has waited .* for rwlock L\d+ to write \(limit 600 ms\); at least \d+ holds passed it by; (now held by|holder unknown)
// EXPECT: ^  passed  at least \d+ holds since \d+ "writer" began to wait\n          \d+ taken for reading in .*, passed_by_readers.cpp:\d+ \(1 thread\)\n.*\n          the lock prefers readers: \d+ of these holds were for reading, while it waits to write$
// EXPECT-JSON: {w["passed_by"]["thread"] for w in waits} == {"writer"} and all(w["passed_by"]["prefers_readers"] for w in waits)
// EXPECT-JSON: all(w["passed_by"]["reads"] == w["passed_by"]["holds"] for w in waits)
// EXPECT-JSON: all({s["mode"] for s in w["passed_by"]["sites"]} == {"shared"} for w in waits)
// EXPECT-JSON: {s["at"]["line"] for w in waits for s in w["passed_by"]["sites"]} == {line("even takes it"), line("odd takes it")}
// EXPECT-JSON: all(s["threads"] == 1 for w in waits for s in w["passed_by"]["sites"])
// EXPECT-JSON: waits[-1]["phase"] == "released" and waits[-1]["passed_by"]["holds"] >= waits[0]["passed_by"]["holds"] > 3
// EXPECT-JSON: waits[-1]["passed_by"]["holds"] <= int(re.search(r"(\d+) holds in truth", stderr)[1])
#include "tests/programs/harness.h"
using namespace harness;

pthread_rwlock_t list = PTHREAD_RWLOCK_INITIALIZER;  // prefers readers
std::atomic<bool> done{false};
std::atomic<bool> counts{false};
std::atomic<int> turn{-1};
std::atomic<size_t> holds{0};

// Takes its next hold before the other thread may end its own: the lock is never free.
template <typename Take>
void reads_in_turns(int mine, Take take) {
  while (!done) {
    take();
    if (counts) ++holds;
    turn = mine;
    while (turn == mine && !done) std::this_thread::sleep_for(1ms);
    pthread_rwlock_unlock(&list);
  }
}

// With something left to do after the call, which is then no jump.
OWN_FRAME void even_takes() {
  pthread_rwlock_rdlock(&list);  // even takes it
  asm volatile("");
}
OWN_FRAME void odd_takes() {
  pthread_rwlock_rdlock(&list);  // odd takes it
  asm volatile("");
}

int main() {
  Thread even("even", [] { reads_in_turns(0, even_takes); }), odd("odd", [] { reads_in_turns(1, odd_takes); });
  while (turn < 0) pause_briefly();
  counts = true;  // before the writer waits
  Thread writer("writer", [] {
    pthread_rwlock_wrlock(&list);
    pthread_rwlock_unlock(&list);
  });
  if (is_watched()) writer.wait_until_blocked_on(list);
  await_report("wait");
  await_report("wait still");
  done = true;
  await_report("wait released");
  std::fprintf(stderr, "%zu holds in truth\n", holds.load() + 2);
}
