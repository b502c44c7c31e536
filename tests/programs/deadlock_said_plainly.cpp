// Without the symbolizer the first line of a deadlock says the same, with the places as module+offset.
// SHIM: alone
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: deadlock of 2 threads: \d+ "first" holds L1 and waits for L2, \d+ "second" holds L2 and waits for L1; nobody else waits
// EXPECT: taken by \d+  #0 deadlock_said_plainly\+0x
// NO-BARE: without a watch nothing would end it
#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, two = PTHREAD_MUTEX_INITIALIZER;

int main() {
  static Event has_one, has_two;
  new Thread("first", [] {
    CHECK(pthread_mutex_lock(&one) == 0);
    has_one.fire();
    has_two.wait();
    pthread_mutex_lock(&two);
  });
  has_one.wait();
  new Thread("second", [] {
    CHECK(pthread_mutex_lock(&two) == 0);
    has_two.fire();
    pthread_mutex_lock(&one);
  });
  const std::string path = "/proc/self/fd/2";
  while (read_file(path).find("taken by") == std::string::npos) pause_briefly();
  std::_Exit(0);
}
