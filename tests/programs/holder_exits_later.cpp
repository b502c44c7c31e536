// A hold that was reported while its thread still lived is told as abandoned once that has ended, at once and not at twice the
// limit; its episode goes on.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_REPEAT=0
// EXPECT: thread \d+ "careless" has held mutex L1 \d+ ms \(limit 200 ms\)
// EXPECT: L1 still held by \d+ "careless", which has exited, .*; no waiters
// EXPECT: L1, which \d+ "careless" held when it exited, was released after
// EXPECT-JSON: [(event["event"], event["phase"]) for event in e] ==
//     [("hold", "over"), ("abandoned", "still"), ("abandoned", "released")]
// EXPECT-JSON: len({event["episode"] for event in e}) == 1 and len({event["fingerprint"] for event in e}) == 1
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  Thread("careless", [&] {
    pthread_mutex_lock(&mutex);
    await_report("over");
  }).join();
  await_report("abandoned still");
  pthread_mutex_unlock(&mutex);
  await_words("was released after");
}
