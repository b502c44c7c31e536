// A thread reads a silent stream, and another one waits for that stream with a mutex held: the stall is told once, about the mutex,
// with the reader at its root, and its repeats too. What stdio's own functions hold is no hold of the program's.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=400ms
// EXPECT-JSON: {event["event"] for event in e} == {"hold"} and held_by(e) == {"save"} and waited_by(over) == {"serve"}
// EXPECT-JSON: {event["lock"]["kind"] for event in e} == {"mutex"} and len(over) == 1 and len(still) >= 3
// EXPECT-JSON: over[0]["root"]["thread"] == "console"
// NO-BARE: without a watch nothing would end it
#include "tests/programs/harness.h"
using namespace harness;

int main() {
  int ends[2];
  CHECK(pipe(ends) == 0);
  static FILE* const silent = fdopen(ends[0], "r");
  static pthread_mutex_t state = PTHREAD_MUTEX_INITIALIZER;
  static Thread console("console", [] { std::getc(silent); });
  console.wait_until_blocked_in(SYS_read);
  static Thread save("save", [] {
    pthread_mutex_lock(&state);
    std::getc(silent);
  });
  save.wait_until_blocked_in(SYS_futex);
  static Thread serve("serve", [] { pthread_mutex_lock(&state); });
  serve.wait_until_blocked_on(state);
  await_report("over");
  await_report("still", 3);
  std::_Exit(0);
}
