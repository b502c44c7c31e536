// A process that is over at once says nothing and ends as it would.
// EXPECT-NOTHING
// EXIT: 3
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  std::mutex lock;
  Thread once("once", [&] { std::lock_guard guard(lock); });
  once.join();
  std::puts("done");
  return 3;
}
