// The process exits while the reporter is busy and more holds are over their limit than RATE allows, and than there is room for:
// the watcher's last words keep to RATE too, and say how many are left out. The process waits for them a millisecond only; for this
// test the rest of its exit takes long enough for a busy machine too.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_RATE=4
// NO-BARE: the program waits for what is told of it
// EXPECT: has held mutex L1
// EXPECT: \d\d reports suppressed \(RATE=4\)
#include <deque>

#include "shim/holdwatch.h"
#include "tests/programs/harness.h"
using namespace harness;

constexpr size_t kHolds = 30;

Event reported;

extern "C" void make_exit_slow();  // slow_exit.cpp

void sit(const char*, const char*, void*) {
  reported.fire();
  (new Event)->wait();  // the process's end ends it
}

int main() {
  static pthread_mutex_t locks[kHolds];
  HOLDWATCH_ON_REPORT(sit, nullptr);
  std::deque<Thread>& threads = *new std::deque<Thread>;
  for (pthread_mutex_t& lock : locks)
    threads.emplace_back("holder", [&lock] {
      CHECK(pthread_mutex_lock(&lock) == 0);
      (new Event)->wait();
    });
  reported.wait();
  std::this_thread::sleep_for(300ms);  // all are over the limit
  make_exit_slow();
  std::exit(0);
}
