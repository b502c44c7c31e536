// A thread that holds more locks than its record has room for: every hold is reported or counted as unrecorded, none is
// lost silently, and what the thread does afterwards is right again.
// RUN-ENV: HOLDWATCH_LIMIT=300ms HOLDWATCH_RATE=100000 HOLDWATCH_REPEAT=0
// EXPECT-JSON: len({event["lock"]["address"] for event in over if holder(event)["thread"] == "hoarder"}) >= 100
// EXPECT-JSON: len({event["lock"]["address"] for event in over if not has(holder(event)["taken"], "holds_one")})
//     + max(event.get("unrecorded_holds", 0) for event in e) == 300
// EXPECT-JSON: [holder(event)["thread"] for event in over if has(holder(event)["taken"], "holds_one")] == ["hoarder"]
// EXPECT-JSON: [event["phase"] for event in e if has(holder(event)["taken"], "holds_one")] == ["over", "released"]
#include <deque>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

std::mutex last;
Event release_all, release_one;

// Unlocked in another order than a stack's: first every second one, then the others.
OWN_FRAME void holds_many() {
  std::deque<std::mutex> locks(300);
  for (std::mutex& lock : locks) lock.lock();
  release_all.wait();
  for (size_t index = 0; index < locks.size(); index += 2) locks[index].unlock();
  for (size_t index = 1; index < locks.size(); index += 2) locks[index].unlock();
}

OWN_FRAME void holds_one() {
  std::lock_guard guard(last);
  release_one.wait();
}

int main() {
  Thread hoarder("hoarder", [] {
    holds_many();
    holds_one();
  });
  await_report("over", 100);
  size_t reported = 0;
  while (is_watched() && reported < count_reports("over")) {
    reported = count_reports("over");
    sleep_past_limit();  // more may be to come
  }
  release_all.fire();
  await_report("released", reported);
  await_report("over", reported + 1);
  release_one.fire();
  await_report("released", reported + 1);
}
