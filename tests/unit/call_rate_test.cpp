#include "shim/watch/call_rate.h"

#include "tests/catch.h"

namespace holdwatch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kLimit = kSecond;
constexpr uint64_t kSleep = kSecond / 100;
constexpr uint32_t kFew = kFewCallsAnyway + kFewCallsPerSecond / 100;  // in one sleep

// Wakes up after each sleep, with so many calls in between; returns the wake-ups at which calls were to be stamped.
int trials(CallRate& rate, uint64_t* now_ns, uint64_t time_ns, uint32_t calls) {
  int trials = 0;
  for (const uint64_t end_ns = *now_ns + time_ns; *now_ns < end_ns; *now_ns += kSleep) {
    rate.look(*now_ns, kLimit, rate.are_few() ? calls : 0);
    trials += rate.are_few() ? 1 : 0;
  }
  return trials;
}

TEST_CASE("whether calls are few is tried after a limit, and proven by one sleep") {
  CallRate rate;
  uint64_t now_ns = 1;
  CHECK(trials(rate, &now_ns, kLimit, 0) == 0);
  rate.look(now_ns, kLimit, 0);
  CHECK(rate.are_few());
  CHECK_FALSE(rate.were_few());
  rate.look(now_ns += kSleep, kLimit, kFew);
  CHECK(rate.were_few());
  rate.look(now_ns += kSleep, kLimit, kFew + 1);
  CHECK_FALSE(rate.were_few());
  CHECK_FALSE(rate.are_few());
}

TEST_CASE("a longer sleep may have more calls") {
  CallRate rate;
  rate.look(1, kLimit, 0);
  rate.look(1 + kLimit, kLimit, 0);
  rate.look(1 + 2 * kLimit, kLimit, kFewCallsPerSecond);
  CHECK(rate.were_few());
}

TEST_CASE("a busy process is tried ever less often, an idle one again within ten seconds") {
  CallRate rate;
  uint64_t now_ns = 1;
  CHECK(trials(rate, &now_ns, 1000 * kLimit, 100'000) < 110);
  trials(rate, &now_ns, 11 * kSecond, 0);
  CHECK(rate.were_few());
  trials(rate, &now_ns, kSleep, 100'000);
  CHECK_FALSE(rate.are_few());
  CHECK(trials(rate, &now_ns, 2 * kLimit, 100'000) >= 1);
}

TEST_CASE("without a limit there is a trial all the same") {
  CallRate rate;
  rate.look(1, UINT64_MAX, 0);
  CHECK_FALSE(rate.are_few());
  rate.look(2 + 10 * kSecond, UINT64_MAX, 0);
  CHECK(rate.are_few());
}

}  // namespace
}  // namespace holdwatch
