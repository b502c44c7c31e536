// "-" is not standard output, which is the program's own, and no file of that name is made: one line each, and the default.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_JSON=- HOLDWATCH_LOG=-
// EXPECT: HOLDWATCH_LOG.*-.*standard output is the program's own.*stderr
// EXPECT: HOLDWATCH_JSON.*-.*standard output is the program's own.*none
// EXPECT: has held mutex
#include <unistd.h>

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock;
  Event release;
  Thread holder("holder", [&] {
    std::lock_guard guard(lock);
    release.wait();
  });
  await_words("has held mutex");
  release.fire();
  if (access("-", F_OK) == 0) std::puts("there is a file named -");
}
