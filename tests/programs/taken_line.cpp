// The line that took the lock is exact through every guard of the standard library, with its source text; the stack
// goes on to the thread's start. Built without optimisation, with it, with frame pointers, and as a non-PIE.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: held_by(over) == {"lock_guard", "unique_lock", "shared_lock", "scoped_lock", "bare call"}
// EXPECT-JSON: all(frame(h["taken"], "through")["line"] == line("TAKEN BY " + h["thread"]) for event in over
//     for h in event["holders"])
// EXPECT-JSON: all("// TAKEN BY " + h["thread"] in frame(h["taken"], "through")["source"] for event in over
//     for h in event["holders"])
// EXPECT-JSON: all(h["taken"]["complete"] and has(h["taken"], "calls_it") for event in over for h in event["holders"])
// EXPECT-JSON: all(frame(h["now"], "through")["function"] == frame(h["taken"], "through")["function"]
//     for event in over for h in event["holders"])
#include <mutex>
#include <shared_mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::shared_mutex locks[5];
Event release;

OWN_FRAME void through_lock_guard() {
  std::lock_guard guard(locks[0]);  // TAKEN BY lock_guard
  release.wait();
}

OWN_FRAME void through_unique_lock() {
  std::unique_lock guard(locks[1]);  // TAKEN BY unique_lock
  release.wait();
}

OWN_FRAME void through_shared_lock() {
  std::shared_lock guard(locks[2]);  // TAKEN BY shared_lock
  release.wait();
}

OWN_FRAME void through_scoped_lock() {
  std::scoped_lock guard(locks[3]);  // TAKEN BY scoped_lock
  release.wait();
}

OWN_FRAME void through_nothing() {
  locks[4].lock();  // TAKEN BY bare call
  release.wait();
  locks[4].unlock();
}

OWN_FRAME void calls_it(void (*function)()) {
  function();
  std::atomic_signal_fence(std::memory_order_seq_cst);  // no tail call: this frame is to be seen
}

int main() {
  Thread first("lock_guard", [] { calls_it(through_lock_guard); });
  Thread second("unique_lock", [] { calls_it(through_unique_lock); });
  Thread third("shared_lock", [] { calls_it(through_shared_lock); });
  Thread fourth("scoped_lock", [] { calls_it(through_scoped_lock); });
  Thread fifth("bare call", [] { calls_it(through_nothing); });
  await_report("over", 5);
  release.fire();
  await_report("released", 5);
}
