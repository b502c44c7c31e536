#include "shim/timing/timing.h"

#include <memory>

#include "shim/base/clock.h"
#include "shim/base/clock_line.h"
#include "tests/catch.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

uint64_t published(const std::atomic<uint64_t> (&values)[2], Access access) {
  return values[static_cast<size_t>(access)].load();
}

// What a test publishes for lock calls ends with it.
struct TimingTest {
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  LockWord word{&mutex, LockKind::mutex, Access::exclusive};

  ~TimingTest() {
    set_lock_limit_ns(word.address(), kUsualLimit);
    timing->set_limits({kNoLimit, kNoLimit, kNoLimit});
    stop_tick();
  }
};

TEST_CASE_METHOD(TimingTest, "a release hands a hold over before the limit by as much as the tick can be old") {
  timing->set_limits({kSecond, 2 * kSecond, 5 * kSecond});
  CHECK(published(g_clock_line.limit_ns, Access::exclusive) == kSecond);
  CHECK(published(g_clock_line.limit_ns, Access::shared) == 2 * kSecond);
  CHECK(published(g_clock_line.hand_over_ns, Access::exclusive) == kSecond - timing->idle_period_ns());
  CHECK(published(g_clock_line.hand_over_ns, Access::shared) == 2 * kSecond - timing->idle_period_ns());
}

TEST_CASE_METHOD(TimingTest, "without a limit no release hands a hold over") {
  timing->set_limits({kNoLimit, kSecond, kSecond});
  CHECK(published(g_clock_line.limit_ns, Access::exclusive) == UINT64_MAX);
  CHECK(published(g_clock_line.hand_over_ns, Access::exclusive) == kNoHandOver);
  CHECK(published(g_clock_line.hand_over_ns, Access::shared) < kSecond);
}

TEST_CASE_METHOD(TimingTest, "the limit for waits does not apply to holds") {
  timing->set_limits({kSecond, kNoLimit, kSecond / 2});
  CHECK(timing->limits().smallest_of_holds_ns() == kSecond);
  CHECK(timing->limits().smallest_ns() == kSecond / 2);
}

TEST_CASE_METHOD(TimingTest,
                 "a hold that can never end is reported after the lock's limit, or that of waits if it has none") {
  timing->set_limits({kSecond, kSecond, 5 * kSecond});
  CHECK(timing->limits().if_stuck_ns(word) == kSecond);
  timing->set_limits({kNoLimit, kNoLimit, 5 * kSecond});
  CHECK(timing->limits().if_stuck_ns(word) == 5 * kSecond);
  timing->set_limits({kNoLimit, kNoLimit, kNoLimit});
  CHECK(timing->limits().if_stuck_ns(word) == kNoLimit);
}

TEST_CASE_METHOD(TimingTest, "a look publishes its time as the tick, and as the stamp of acquisitions") {
  timing->set_limits({kSecond, kSecond, kSecond});
  const uint64_t before_ns = monotonic_ns();
  timing->advance();
  CHECK(timing->now_ns() >= (before_ns & ~uint64_t{kStampBits}));
  CHECK(timing->now_ns() <= monotonic_ns());
  CHECK(g_clock_line.tick_ns.load() == timing->now_ns());
  CHECK(g_clock_line.settled_ns.load() == timing->now_ns());
}

TEST_CASE_METHOD(TimingTest, "where calls are few, acquisitions find no stamp, and read the clock") {
  timing->set_limits({kSecond, kSecond, kSecond});
  timing->advance(true);
  CHECK(g_clock_line.tick_ns.load() == (timing->now_ns() | kCallsAreFew));
  CHECK(g_clock_line.settled_ns.load() == 0);
}

TEST_CASE_METHOD(TimingTest, "releases look closer at holds that are as old as the earliest hand-over") {
  timing->set_limits({kSecond, 2 * kSecond, kSecond});
  timing->advance();
  const uint64_t earliest_ns = published(g_clock_line.hand_over_ns, Access::exclusive);
  CHECK(g_clock_line.old_before_ns.load() == timing->now_ns() - earliest_ns + 1);
  timing->set_limits({kNoLimit, kNoLimit, kSecond});
  timing->advance();
  CHECK(g_clock_line.old_before_ns.load() <= 1);
}

TEST_CASE_METHOD(TimingTest, "an age counts from the tick after the one that was found") {
  timing->set_limits({kSecond, kSecond, kSecond});
  timing->advance();
  HoldView hold{};
  hold.word = word;
  hold.since_ns = timing->now_ns();
  CHECK(timing->age_of(hold) == 0);
  while (monotonic_ns() < hold.since_ns + 10 * kPublishedWithinNs) continue;
  timing->advance();
  const uint64_t next_ns = timing->now_ns();
  while (monotonic_ns() < next_ns + 10 * kPublishedWithinNs) continue;
  timing->advance();
  CHECK(timing->started_ns(hold) == next_ns + kPublishedWithinNs);
  CHECK(timing->age_of(hold) == timing->now_ns() - next_ns - kPublishedWithinNs);
}

TEST_CASE_METHOD(TimingTest, "a thread in a condition wait is not over the limit of waits for the lock") {
  timing->set_limits({kSecond, kSecond, 1});
  timing->advance();
  WaitView wait{};
  wait.word = word;
  wait.since_ns = (timing->now_ns() - kSecond) | kExact;
  CHECK(timing->is_over_limit(wait, 1));
  wait.word = word.with_condition();
  CHECK_FALSE(timing->is_over_limit(wait, 1));
}

TEST_CASE_METHOD(TimingTest, "after the watch lock calls find no tick") {
  timing->set_limits({kSecond, kSecond, kSecond});
  timing->advance();
  stop_tick();
  CHECK(g_clock_line.tick_ns.load() == kNoWatch);
  CHECK(g_clock_line.settled_ns.load() == kNoWatch);
  CHECK(g_clock_line.old_before_ns.load() == 0);
}

// Last, as nothing takes a lock's limit back.
TEST_CASE_METHOD(TimingTest, "a lock's own smaller limit has every release look that early") {
  set_lock_limit_ns(word.address(), kSecond / 4);
  timing->set_limits({kSecond, kSecond, kSecond});
  CHECK(published(g_clock_line.limit_ns, Access::exclusive) == kSecond / 4);
  CHECK(timing->limits().of(word) == kSecond / 4);
  CHECK(timing->limits().smallest_of_holds_ns() == kSecond / 4);
}

TEST_CASE_METHOD(TimingTest,
                 "a lock's own limit, however small, does not wake the watcher more often than one of 100 ms") {
  set_lock_limit_ns(word.address(), 1'000'000);
  timing->set_limits({kSecond, kSecond, kSecond});
  CHECK(timing->limits().smallest_ns() == kSecond / 10);
  CHECK(timing->limits().smallest_of_holds_ns() == 1'000'000);
}

}  // namespace
}  // namespace holdwatch
