// The rules of shim/record/repeated_waits.h.
#include "shim/record/repeated_waits.h"

#include "tests/catch.h"
#include "tests/unit/no_site_is_known.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr uintptr_t kCondition = 0x10000;
constexpr size_t kSize = 48;

LockWord mutex_at(uintptr_t address) {
  return {reinterpret_cast<const void*>(address), LockKind::mutex, Access::exclusive};
}

// A thread that keeps a lock and waits for conditions.
struct Waiter {
  Waiter() { take(0x1000); }
  ~Waiter() { repeated_waits_after_fork(); }

  void take(uintptr_t mutex) { hold(thread.record(), mutex_at(mutex), {0x401000, 0, 0}); }
  void wait(uintptr_t condition = kCondition) {
    note_condition_wait(thread.record(), reinterpret_cast<const void*>(condition));
  }
  void time_out() { note_timeout(thread.record()); }
  uint64_t timeouts() const { return repeated_wait(thread.record().tid.load(), kCondition, kSize).timeouts; }

  mutable RecordedThread thread;
};

TEST_CASE("a wait that is made again after each timeout is one long wait since the first of them") {
  Waiter waiter;
  const TickAt tick(1'000'000);
  waiter.wait();
  const uint64_t first_ns = repeated_wait(waiter.thread.tid(), kCondition, kSize).since_ns;
  waiter.time_out();
  const TickAt later(9'000'000);
  waiter.wait();
  CHECK(waiter.timeouts() == 1);
  waiter.time_out();
  waiter.wait();
  const RepeatedWait wait = repeated_wait(waiter.thread.tid(), kCondition, kSize);
  CHECK(wait.timeouts == 2);
  CHECK(wait.since_ns == first_ns);
  CHECK(wait.began_ns > first_ns);
}

TEST_CASE("a wait that was ended is no slice: the next one has the same end") {
  Waiter waiter;
  const TickAt tick(1'000'000);
  waiter.wait();
  const TickAt later(9'000'000);
  waiter.wait();
  CHECK(waiter.timeouts() == 0);
  const RepeatedWait wait = repeated_wait(waiter.thread.tid(), kCondition, kSize);
  CHECK(wait.since_ns == wait.began_ns);
}

TEST_CASE("another condition begins a new wait") {
  Waiter waiter;
  waiter.wait(kCondition + kSize);
  waiter.time_out();
  waiter.wait();
  CHECK(waiter.timeouts() == 0);
}

TEST_CASE("slices that were made with other locks do not count") {
  Waiter waiter;
  waiter.wait();
  waiter.time_out();
  waiter.take(0x2000);
  CHECK(waiter.timeouts() == 0);
  waiter.wait();
  CHECK(waiter.timeouts() == 0);
  waiter.time_out();
  waiter.wait();
  CHECK(waiter.timeouts() == 1);
  drop(waiter.thread.record(), 0x2000);
  waiter.take(0x2000);  // the same lock, but another hold
  CHECK(waiter.timeouts() == 0);
}

TEST_CASE("nothing is known of another thread, or of another condition") {
  Waiter waiter;
  waiter.wait();
  waiter.time_out();
  waiter.wait();
  CHECK(waiter.timeouts() == 1);
  CHECK(repeated_wait(waiter.thread.tid() + 64, kCondition, kSize).timeouts == 0);
  CHECK(repeated_wait(waiter.thread.tid(), kCondition + kSize, kSize).timeouts == 0);
}

}  // namespace
}  // namespace holdwatch
