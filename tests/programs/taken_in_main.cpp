// A lock taken in main, which compilers take for cold and inline little into: std::mutex::lock and a guard's constructor
// may be functions of their own there, and have returned when the report comes. Their caller's line is told all the same.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT-JSON: len(over) == 3
// EXPECT-JSON: {frame(holder(event)["taken"], "main")["line"] for event in over} == {line("BARE"), line("GUARD"), line("WRAPPED")}
// EXPECT-JSON: all(holder(event)["taken"]["complete"] for event in over)
#include <mutex>
#include <shared_mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex bare;
std::mutex guarded;
std::shared_mutex wrapped;
Event release;

// A project's own lock function, as many have: not inlined, and with a frame of its own.
OWN_FRAME void lock_for_writing(std::shared_mutex& lock) {
  int tries = 0;
  while (!lock.try_lock()) ++tries;
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

int main() {
  Thread other("other", [] { release.wait(); });
  bare.lock();                     // BARE
  std::lock_guard guard(guarded);  // GUARD
  lock_for_writing(wrapped);       // WRAPPED
  await_report("over", 3);
  release.fire();
  wrapped.unlock();
  bare.unlock();
}
