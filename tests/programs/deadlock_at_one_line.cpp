// Two threads that take their locks in a loop, at one line: the function with the loop is what took the lock that each holds, not
// the C++ library's functions inlined there, in which it now waits for the other one.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT: deadlock of 2 threads
// EXPECT: take_in_turn\(.*<- took L1
// EXPECT: take_in_turn\(.*<- took L2
// FORBID: #\d+ +(__gthread|std::).*<- took
// EXPECT-JSON: all(frame(h[stack], "take_in_turn")["line"] == line("TAKES") for h in deadlocks[0]["holders"] for stack in ("taken", "now"))
#include <array>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

Event close_circle;

OWN_FRAME void take_in_turn(const std::array<std::mutex*, 2>& locks, Event& has_first) {
  std::array<std::unique_lock<std::mutex>, 2> held;
  for (size_t i = 0; i < locks.size(); ++i) {
    held[i] = std::unique_lock(*locks[i]);  // TAKES
    if (i > 0) continue;
    has_first.fire();
    close_circle.wait();
  }
}

int main() {
  static std::mutex one, two;
  static Event has_one, has_two;
  // Never freed: they cannot be joined.
  new Thread("first", [] { take_in_turn({&one, &two}, has_one); });
  has_one.wait();
  new Thread("second", [] { take_in_turn({&two, &one}, has_two); });
  has_two.wait();
  close_circle.fire();
  await_report("deadlock");
  std::_Exit(0);
}
