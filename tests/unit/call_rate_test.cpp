#include "shim/watch/call_rate.h"

#include <catch2/catch.hpp>

namespace holdwatch {
namespace {

constexpr uint64_t kLimit = 1000;
constexpr uint32_t kFew = 10;

// Wakes up each eighth of the limit, with so many calls in between; returns the wake-ups at which calls were to be stamped.
int trials(CallRate& rate, uint64_t* now_ns, int wake_ups, uint32_t calls) {
  int trials = 0;
  for (int i = 0; i < wake_ups; ++i, *now_ns += kLimit / 8) {
    rate.look(*now_ns, kLimit, rate.are_few() ? calls : 0, kFew);
    trials += rate.are_few() ? 1 : 0;
  }
  return trials;
}

TEST_CASE("whether calls are few is tried after a limit, and proven by one sleep") {
  CallRate rate;
  for (uint64_t now_ns = 1; now_ns < 1 + kLimit; now_ns += kLimit / 8) {
    rate.look(now_ns, kLimit, 0, kFew);
    CHECK_FALSE(rate.are_few());
  }
  rate.look(1 + kLimit, kLimit, 0, kFew);
  CHECK(rate.are_few());
  CHECK_FALSE(rate.were_few());
  rate.look(1 + kLimit + kLimit / 8, kLimit, kFew, kFew);
  CHECK(rate.were_few());
  rate.look(1 + 2 * kLimit, kLimit, kFew + 1, kFew);
  CHECK_FALSE(rate.were_few());
  CHECK_FALSE(rate.are_few());
}

TEST_CASE("a busy process is tried ever less often, until it is idle once") {
  CallRate rate;
  uint64_t now_ns = 1;
  CHECK(trials(rate, &now_ns, 8 * 1000, 1000) < 30);
  CHECK(trials(rate, &now_ns, 8 * 100, 0) > 8 * 30);
  trials(rate, &now_ns, 1, 1000);
  CHECK_FALSE(rate.are_few());
  CHECK(trials(rate, &now_ns, 8 * 2, 1000) >= 1);
}

TEST_CASE("without a limit there is a trial all the same, once a minute") {
  CallRate rate;
  rate.look(1, UINT64_MAX, 0, kFew);
  CHECK_FALSE(rate.are_few());
  rate.look(60'000'000'002, UINT64_MAX, 0, kFew);
  CHECK(rate.are_few());
}

}  // namespace
}  // namespace holdwatch
