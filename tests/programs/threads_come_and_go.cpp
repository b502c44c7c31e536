// Two thousand threads, one after the other, use the same few records; the last one is reported as itself.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: len(over) == 1 and len(released) == 1 and held_by(e) == {"last"}
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock;
  for (int number = 0; number < 2000; ++number) Thread("passing", [&] { std::lock_guard guard(lock); }).join();
  hold_until_reported("last");
}
