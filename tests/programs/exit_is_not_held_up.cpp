// exit() while a report is being made that does not end, for the program's own callback sits in it: the process ends as soon as
// it would have otherwise, and what is still to be told of a hold that has just ended is told in plain words.
// RUN-ENV: HOLDWATCH_LIMIT=50ms
// EXPECT: has held mutex L1
// EXPECT: L1 released by \d+ "holder" after
#include <sys/wait.h>

#include <algorithm>

#include "shim/holdwatch.h"
#include "tests/programs/harness.h"
using namespace harness;

constexpr int kTimes = 5;  // the quickest counts: a busy machine may be slow once or twice
constexpr auto kTooLong = 100ms;

std::chrono::steady_clock::time_point exit_began;

// Runs after the watch's exit handler.
[[gnu::destructor]] void tell_how_long_it_took() {
  if (exit_began.time_since_epoch().count() == 0) return;
  const bool is_late = std::chrono::steady_clock::now() - exit_began > kTooLong;
  _exit(is_late ? 1 : 0);
}

void sit(const char*, const char*, void* called) {
  static_cast<Event*>(called)->fire();
  (new Event)->wait();  // the process's end ends it
}

[[noreturn]] void leave_while_reporting() {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  auto* called = new Event;
  HOLDWATCH_ON_REPORT(sit, called);
  Thread holder("holder", [&] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    if (is_watched()) called->wait();
    CHECK(pthread_mutex_unlock(&lock) == 0);
  });
  holder.join();
  exit_began = std::chrono::steady_clock::now();
  std::exit(0);
}

int main() {
  int in_time = 0;
  for (int i = 0; i < kTimes; ++i) {
    const pid_t child = fork();
    if (child == 0) leave_while_reporting();
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    if (WEXITSTATUS(status) == 0) ++in_time;
  }
  std::puts(in_time > 0 ? "in time" : "too late");
}
