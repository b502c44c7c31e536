// A lock that is never released is reported before the process ends, and does not keep it from ending.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: thread \d+ "holder" has held mutex
// EXPECT-JSON: count(phase="over") == 1 and holder(over[0])["thread"] == "holder"
// EXPECT-JSON: count(phase="released") == 0
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  static std::mutex lock;
  static Event never;
  // On the heap and never freed: the thread cannot be joined.
  new Thread("holder", [] {
    lock.lock();
    never.wait();
  });
  await_report("over");
  std::_Exit(0);
}
