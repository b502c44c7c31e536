// A holder that is busy rather than blocked: running, with the function that it runs.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: holder(over[0])["state"] == "running" and has(holder(over[0])["now"], "computes")
// EXPECT-JSON: holder(over[0])["now"]["complete"]
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex lock;
std::atomic<bool> done{false};
std::atomic<unsigned> number{0};

OWN_FRAME void computes() {
  while (!done.load(std::memory_order_relaxed)) number.store(number.load() * 1664525 + 1013904223);
}

int main() {
  Thread holder("holder", [] {
    std::lock_guard guard(lock);
    computes();
  });
  await_report("over");
  done = true;
  await_report("released");
}
