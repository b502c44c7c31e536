// Nobody takes what is written to stdout, and a thread with a mutex is among those that wait for the stream: the stall is told once,
// about the mutex, with the writer at its root.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=400ms
// EXPECT-JSON: {event["event"] for event in e} == {"hold"} and held_by(e) == {"save"} and waited_by(over) == {"serve"}
// EXPECT-JSON: {event["lock"]["kind"] for event in e} == {"mutex"} and len(over) == 1 and len(still) >= 3
// EXPECT-JSON: over[0]["root"]["thread"] == "writer"
// NO-BARE: without a watch nothing would end it
#include <fcntl.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  int ends[2];
  CHECK(pipe(ends) == 0);
  CHECK(dup2(ends[1], STDOUT_FILENO) == STDOUT_FILENO);
  CHECK(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0);
  setvbuf(stdout, nullptr, _IONBF, 0);
  static pthread_mutex_t state = PTHREAD_MUTEX_INITIALIZER;
  static const std::string much(65536, 'x');
  static Thread save("save", [] {
    pthread_mutex_lock(&state);
    static Thread writer("writer", [] { std::fputs(much.c_str(), stdout); });
    writer.wait_until_blocked_in(SYS_write);
    std::fputs("y", stdout);
  });
  save.wait_until_blocked_in(SYS_futex);
  static Thread other("other", [] { std::fputs("z", stdout); });
  other.wait_until_blocked_in(SYS_futex);
  static Thread serve("serve", [] { pthread_mutex_lock(&state); });
  serve.wait_until_blocked_on(state);
  await_report("over");
  await_report("still", 3);
  std::_Exit(0);
}
