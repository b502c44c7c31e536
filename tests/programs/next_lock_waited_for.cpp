// A holder waits for its next lock from the line after the one that took the first: the guard's constructor stands where
// it stood then, but the line told is the first lock's, and so is the function that is marked as having taken it.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: {frame(h["taken"], "moves_money")["line"] for event in over for h in event["holders"]
//     if h["thread"] == "mover"} == {line("FIRST")}
// EXPECT-JSON: {frame(h["now"], "moves_money")["line"] for event in over for h in event["holders"]
//     if h["thread"] == "mover"} == {line("SECOND")}
// EXPECT-JSON: any(re.match(r"waiting for L\d+ \(futex", holder(event)["doing"]) for event in over
//     if holder(event)["thread"] == "mover")
// EXPECT: moves_money\(\) .*<- took L\d+
// FORBID: waits for L\d+, in waiting
#include "shim/holdwatch.h"

#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex first, second;
Event release, taken;

OWN_FRAME void moves_money() {
  std::lock_guard one(first);   // FIRST
  std::lock_guard two(second);  // SECOND
}

int main() {
  HOLDWATCH_SET_LIMIT(second.native_handle(), uint64_t{0});  // else this hold would be reported instead
  Thread owner("owner", [] {
    std::lock_guard guard(second);
    taken.fire();
    release.wait();
  });
  taken.wait();
  Thread mover("mover", moves_money);
  await_report("over");
  release.fire();
  await_report("released");
}
