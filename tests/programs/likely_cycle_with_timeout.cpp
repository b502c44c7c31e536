// A lock made of a condition and a flag in a cycle with a mutex, as in likely_cycle.cpp: if one of the two waits has a timeout, the
// cycle ends by itself, and is no deadlock, not even probably. A wait in slices has none in that sense.
// RUN-ENV: HOLDWATCH_LIMIT=600ms HOLDWATCH_ONLY=all
// EXPECT: probably a deadlock
// EXPECT: ^  now +in a condition wait on 0x\w+, timeout in .*, after \d+ timeouts \(
// EXPECT-JSON: {h["thread"] for event in e if event["likely_cycle"] for h in event["holders"]} == {"endless", "slices"}
// EXPECT-JSON: all(ends_of(name)[-1] == (None, ["ender"]) for name in held_by(over))
// EXPECT-JSON: len(held_by(over)) == 6
// EXPECT-JSON: not deadlocks
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

class Resource {
 public:
  template <typename Wait>
  void take(Wait wait) {
    std::unique_lock guard(mutex_);
    ++waiting_;
    while (is_taken_) wait(is_free_, guard);
    --waiting_;
    is_taken_ = true;
  }
  void drop() {
    std::lock_guard guard(mutex_);
    is_taken_ = false;
    is_free_.notify_one();
  }
  void await_waiter() const {
    while (waiting_ == 0) pause_briefly();
  }

 private:
  std::mutex mutex_;
  std::condition_variable is_free_;
  bool is_taken_ = false;
  std::atomic<int> waiting_{0};
};

// The holder keeps its lock and waits for the resource; the ender has that, and wants the lock. Before, each has used the resource
// once, so that the ender has been seen to end such a wait.
class Cycle {
 public:
  template <typename HolderWaits, typename EnderLocks>
  Cycle(const char* name, HolderWaits wait, EnderLocks lock)
      : holder_(name,
                [this, wait] {
                  ender_has_it_.wait();
                  use_under_lock(wait);
                  holder_has_had_it_.fire();
                  ender_has_it_again_.wait();
                  use_under_lock(wait);
                }),
        ender_("ender", [this, lock] {
          resource_.take([](auto& condition, auto& guard) { condition.wait(guard); });
          ender_has_it_.fire();
          resource_.await_waiter();
          resource_.drop();
          holder_has_had_it_.wait();
          resource_.take([](auto& condition, auto& guard) { condition.wait(guard); });
          ender_has_it_again_.fire();
          resource_.await_waiter();
          lock(lock_);
        }) {}

 private:
  template <typename Wait>
  void use_under_lock(Wait wait) {
    std::lock_guard guard(lock_);
    resource_.take(wait);
    resource_.drop();
  }

  std::timed_mutex lock_;
  Resource resource_;
  Event ender_has_it_, holder_has_had_it_, ender_has_it_again_;
  Thread holder_, ender_;
};

}  // namespace

int main() {
  const auto wait = [](auto& condition, auto& guard) { condition.wait(guard); };
  const auto wait_once = [](auto& condition, auto& guard) { condition.wait_for(guard, 15min); };
  const auto wait_in_slices = [](auto& condition, auto& guard) { condition.wait_for(guard, 20ms); };
  const auto lock = [](std::timed_mutex& mutex) { mutex.lock(); };
  const auto lock_in_time = [](std::timed_mutex& mutex) { static_cast<void>(mutex.try_lock_for(15min)); };
  const auto try_to_lock = [](std::timed_mutex& mutex) {
    while (!mutex.try_lock()) pause_briefly();
  };
  Cycle endless("endless", wait, lock);
  Cycle slices("slices", wait_in_slices, lock);
  Cycle holder_in_time("holder_in_time", wait_once, lock);
  Cycle ender_in_time("ender_in_time", wait, lock_in_time);
  Cycle slices_in_time("slices_in_time", wait_in_slices, lock_in_time);
  Cycle tries("tries", wait, try_to_lock);
  for (const char* name : {"endless", "slices", "holder_in_time", "ender_in_time", "slices_in_time", "tries"})
    await_report_of("still", name, 1);
  std::fflush(stdout);
  _exit(0);
}
