// exit() from a thread that holds a reported lock: handlers run, output is flushed, the status is the program's.
// RUN-ENV: HOLDWATCH_LIMIT=100ms
// EXPECT-JSON: count(phase="over") == 1
// EXIT: 5
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  static std::mutex lock;
  static Event& never = *new Event;  // not destroyed at exit, which would wake main
  std::atexit([] { std::puts("handler"); });
  new Thread("exiting", [] {
    std::lock_guard guard(lock);
    await_report("over");
    std::printf("unflushed until exit");
    std::exit(5);
  });
  never.wait();
}
