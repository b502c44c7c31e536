// A recursive mutex, or a read lock, taken again by its thread above another lock is held until its last unlock: one hold,
// whose further levels begin and end as they like, in any order with the other lock.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_ONLY=all
// EXPECT-JSON: not late and len(over) == len(released) == 6
// EXPECT-JSON: len({event["lock"]["id"] for event in e}) == len({event["episode"] for event in e}) == 6
// EXPECT-JSON: all(max(holder(event)["held_ns"] for event in released if holder(event)["thread"] == name) > 900 * ms
//     for name in ("recursive", "reader"))
#include <mutex>
#include <shared_mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

// Longer than the limit: each level that is given up then is one that "ended before it was seen", were it a hold of its own.
void exceed_limit() {
  std::this_thread::sleep_for(300ms);
}

template <typename Take, typename Give>
void take_again_and_again(Take take, Give give) {
  std::mutex one, other;
  take();
  one.lock();
  take();
  other.lock();
  take();
  await_report("over", 6);
  one.unlock();
  give();
  exceed_limit();
  give();
  other.unlock();
  exceed_limit();
  exceed_limit();
  give();
}

}  // namespace

int main() {
  std::recursive_mutex recursive;
  std::shared_mutex rwlock;
  {
    Thread first("recursive", [&] { take_again_and_again([&] { recursive.lock(); }, [&] { recursive.unlock(); }); });
    Thread second("reader",
                  [&] { take_again_and_again([&] { rwlock.lock_shared(); }, [&] { rwlock.unlock_shared(); }); });
  }
  await_report("released", 6);
}
