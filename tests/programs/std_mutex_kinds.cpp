// Every mutex of the standard library is watched.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: len(over) == 7 and len(released) == 7 and held_by(released) == held_by(over)
// EXPECT-JSON: held_by(over) == {"mutex", "timed", "recursive", "recursive_timed", "shared", "shared_timed",
//     "shared_reader"}
// EXPECT-JSON: {h["thread"] for event in over for h in event["holders"] if h["mode"] == "shared"} == {"shared_reader"}
#include <deque>
#include <mutex>
#include <shared_mutex>

#include "tests/programs/harness.h"
using namespace harness;

Event release;

template <typename Guard>
void hold() {
  typename Guard::mutex_type mutex;
  Guard guard(mutex);
  release.wait();
}

int main() {
  std::deque<Thread> threads;
  threads.emplace_back("mutex", hold<std::lock_guard<std::mutex>>);
  threads.emplace_back("timed", hold<std::lock_guard<std::timed_mutex>>);
  threads.emplace_back("recursive", hold<std::lock_guard<std::recursive_mutex>>);
  threads.emplace_back("recursive_timed", hold<std::lock_guard<std::recursive_timed_mutex>>);
  threads.emplace_back("shared", hold<std::unique_lock<std::shared_mutex>>);
  threads.emplace_back("shared_timed", hold<std::unique_lock<std::shared_timed_mutex>>);
  threads.emplace_back("shared_reader", hold<std::shared_lock<std::shared_mutex>>);
  await_report("over", threads.size());
  release.fire();
  await_report("released", threads.size());
  threads.clear();
}
