#include "shim/timing/overdue.h"

#include <memory>

#include "tests/catch.h"

namespace holdwatch {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSecond = 1'000'000'000;

TEST_CASE("each access has its limit") {
  const Limits limits{1, 2, 3};
  CHECK(limits.of(Access::exclusive) == 1);
  CHECK(limits.of(Access::shared) == 2);
}

TEST_CASE("the smallest limit is the smallest that is not 0") {
  CHECK(Limits{5, 7, 9}.smallest_ns() == 5);
  CHECK(Limits{kNoLimit, 7, 9}.smallest_ns() == 7);
  CHECK(Limits{kNoLimit, kNoLimit, 9}.smallest_ns() == 9);
  CHECK(Limits{kNoLimit, kNoLimit, kNoLimit}.smallest_ns() == UINT64_MAX);
}

TEST_CASE("a hold is over its limit from the limit on, and never without one") {
  CHECK_FALSE(is_over(99, 100));
  CHECK(is_over(100, 100));
  CHECK_FALSE(is_over(UINT64_MAX, kNoLimit));
}

TEST_CASE("a hold that begins after now has no age") {
  CHECK(age_ns(100, 130) == 30);
  CHECK(age_ns(130, 100) == 0);
}

TEST_CASE(
    "the watcher wakes eight times a limit, more often where calls are many, and sleeps three quarters of it where "
    "calls are few") {
  CHECK(busy_period_ns(kSecond / 2) == 10 * kMillisecond);
  CHECK(busy_period_ns(64 * kSecond) == kSecond / 2);
  CHECK(busy_period_ns(40 * kMillisecond) == 5 * kMillisecond);
  CHECK(wake_period_ns(kSecond) == 125 * kMillisecond);
  CHECK(idle_period_ns(kSecond) == 750 * kMillisecond);
  CHECK(wake_period_ns(80 * kMillisecond) == 10 * kMillisecond);
}

TEST_CASE("the watcher wakes at most each millisecond, and at least once a second") {
  for (const auto period_ns : {busy_period_ns, wake_period_ns, idle_period_ns}) {
    CHECK(period_ns(kMillisecond) == kMillisecond);
    CHECK(period_ns(3600 * kSecond) == kSecond);
    CHECK(period_ns(UINT64_MAX) == kSecond);
  }
}

TEST_CASE("deadlocks are searched for within half a second with 6,000 records, and take 1/500 of the time at most") {
  CHECK(search_period_ns(100) == 8 * kMillisecond);
  for (const uint64_t limit_ns : {kSecond / 10, kSecond, 10 * kSecond, 3600 * kSecond})
    CHECK(search_period_ns(6000) + scan_period_ns(limit_ns) < kSecond / 2);
  for (const uint64_t records : {1u, 6000u, 100'000u}) CHECK(search_period_ns(records) >= 500 * records * 100);
}

TEST_CASE("a hold is reported again at twice, four times, eight times its limit") {
  CHECK(next_report_age_ns(100, 100) == 200);
  CHECK(next_report_age_ns(199, 100) == 200);
  CHECK(next_report_age_ns(200, 100) == 400);
  CHECK(next_report_age_ns(450, 100) == 800);  // what was slept through is not made up for
  CHECK(next_report_age_ns(0, 100) == 100);
}

TEST_CASE("the next report of a hold of any age is to be had") {
  CHECK(next_report_age_ns(UINT64_MAX, 1) >= UINT64_MAX / 2);
}

TEST_CASE("a time stamp is scaled by two readings of both clocks") {
  TscScale scale;
  scale.add(1'000, 10 * kSecond);
  scale.add(1'000 + 2'000'000'000, 11 * kSecond);  // 2 GHz
  CHECK(scale.to_ns(1'000 + 2'000'000'000) == 11 * kSecond);
  CHECK(scale.to_ns(1'000 + 1'000'000'000) == 10 * kSecond + 500 * kMillisecond);
  CHECK(scale.to_ns(1'000) == 10 * kSecond);
}

TEST_CASE("the scale is between the first reading and the last, whatever comes in between") {
  TscScale scale;
  scale.add(1'000, 10 * kSecond);
  scale.add(5'000, 10 * kSecond + kMillisecond);
  scale.add(1'000 + 2'000'000'000, 11 * kSecond);
  CHECK(scale.to_ns(1'000 + 1'000'000'000) == 10 * kSecond + 500 * kMillisecond);
}

TEST_CASE("a time stamp is not scaled before the readings lie far enough apart, nor one from the future") {
  TscScale scale;
  CHECK(scale.to_ns(500) == 0);
  scale.add(1'000, 10 * kSecond);
  CHECK(scale.to_ns(1'000) == 0);
  scale.add(200'000'000, 10 * kSecond + 99 * kMillisecond);
  CHECK(scale.to_ns(100'000'000) == 0);
  scale.add(400'000'000, 10 * kSecond + 200 * kMillisecond);
  CHECK(scale.to_ns(100'000'000) != 0);
  CHECK(scale.to_ns(400'000'001) == 0);
}

TEST_CASE("a hold began before the tick after the one that it read") {
  const auto history = std::make_unique<TickHistory>();
  history->add(100);
  history->add(200);
  HoldView hold{};
  hold.since_ns = 100;
  CHECK(latest_start_ns(hold, *history, TscScale()) == 200 + kPublishedWithinNs);
}

TEST_CASE("a time stamp makes a hold's start exact, but never later than the ticks say") {
  const auto history = std::make_unique<TickHistory>();
  history->add(10 * kSecond);
  history->add(11 * kSecond);
  TscScale scale;
  scale.add(1'000, 10 * kSecond);
  scale.add(1'000 + 2'000'000'000, 11 * kSecond);
  scale.add(1'000 + 4'000'000'000, 12 * kSecond);
  HoldView hold{};
  hold.since_ns = 10 * kSecond;
  hold.tsc = 1'000 + 500'000'000;
  CHECK(latest_start_ns(hold, *history, scale) == 10 * kSecond + 250 * kMillisecond);
  hold.tsc = 1'000 + 3'000'000'000;
  CHECK(latest_start_ns(hold, *history, scale) == 11 * kSecond + kPublishedWithinNs);
}

}  // namespace
}  // namespace holdwatch
