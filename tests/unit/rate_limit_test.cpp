// The rules of symbolizer/outputs/rate_limit.h.
#include "symbolizer/outputs/rate_limit.h"

#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

}  // namespace

TEST_CASE("no minute has more reports than the limit, wherever it begins") {
  RateLimit rate(2);
  CHECK(rate.admit(Phase::late, 1, 0));
  CHECK(rate.admit(Phase::late, 2, 50 * kSecondNs));
  CHECK_FALSE(rate.admit(Phase::late, 3, 59 * kSecondNs));
  CHECK(rate.admit(Phase::late, 4, 60 * kSecondNs));  // the first is a minute old
  CHECK_FALSE(rate.admit(Phase::late, 5, 109 * kSecondNs));
  CHECK(rate.admit(Phase::late, 6, 110 * kSecondNs));
}

TEST_CASE("a report that was admitted but not written does not count") {
  RateLimit rate(1);
  CHECK(rate.admit(Phase::over, 1, 0));
  rate.withdraw();
  CHECK(rate.admit(Phase::over, 2, 1));
  CHECK_FALSE(rate.admit(Phase::released, 1, 2));  // its beginning was not shown
  CHECK_FALSE(rate.take_left_out(3, true).has_value());
  CHECK(rate.admit(Phase::released, 2, 3));
  rate.withdraw();
  CHECK_FALSE(rate.admit(Phase::over, 3, 4));  // an end takes no place that could be left
}

TEST_CASE("the end of a story whose beginning was shown is always shown, once") {
  RateLimit rate(1);
  CHECK(rate.admit(Phase::over, 7, 0));
  CHECK_FALSE(rate.admit(Phase::still, 7, 1));
  CHECK(rate.admit(Phase::released, 7, 2));
  CHECK_FALSE(rate.admit(Phase::released, 7, 3));
}

TEST_CASE("the end of a story whose beginning was left out is left out, also when there is room again") {
  RateLimit rate(1);
  CHECK(rate.admit(Phase::over, 7, 0));
  CHECK_FALSE(rate.admit(Phase::over, 8, 1));
  CHECK_FALSE(rate.admit(Phase::over, 9, 1));
  CHECK_FALSE(rate.admit(Phase::released, 8, 2));
  CHECK_FALSE(rate.admit(Phase::released, 9, 70 * kSecondNs));
  CHECK(rate.admit(Phase::late, 10, 70 * kSecondNs));
}

TEST_CASE("a story whose beginning was left out begins with the first report for which there is room") {
  RateLimit rate(1);
  CHECK(rate.admit(Phase::over, 7, 0));
  CHECK(rate.begins());
  CHECK_FALSE(rate.admit(Phase::over, 8, 1));
  CHECK(rate.admit(Phase::still, 8, 70 * kSecondNs));
  CHECK(rate.begins());
  CHECK(rate.admit(Phase::still, 8, 140 * kSecondNs));
  CHECK_FALSE(rate.begins());
  CHECK(rate.admit(Phase::released, 8, 141 * kSecondNs));
}

TEST_CASE("a beginning that was admitted but not written leaves it to the next report") {
  RateLimit rate(1);
  CHECK(rate.admit(Phase::over, 7, 0));
  rate.withdraw();
  CHECK(rate.admit(Phase::still, 7, 1));
  CHECK(rate.begins());
}

TEST_CASE("an end that is let through takes no other report's place") {
  RateLimit rate(2);
  CHECK(rate.admit(Phase::over, 7, 0));
  CHECK(rate.admit(Phase::released, 7, 1));
  CHECK(rate.admit(Phase::over, 8, 2));
}

TEST_CASE("suppressed reports are counted, and mentioned once a minute") {
  RateLimit rate(1);
  CHECK_FALSE(rate.take_left_out(0, true).has_value());
  rate.admit(Phase::late, 1, 0);
  rate.admit(Phase::late, 2, 10 * kSecondNs);
  rate.admit(Phase::late, 3, 20 * kSecondNs);
  CHECK_FALSE(rate.take_left_out(69 * kSecondNs, false).has_value());
  const auto left_out = rate.take_left_out(70 * kSecondNs, false);
  REQUIRE(left_out.has_value());
  CHECK(left_out->reports == 2);
  CHECK(left_out->period_ns == 60 * kSecondNs);
  CHECK_FALSE(rate.take_left_out(200 * kSecondNs, true).has_value());
}

TEST_CASE("at the end, suppressed reports are mentioned at once") {
  RateLimit rate(1);
  rate.admit(Phase::late, 1, 0);
  rate.admit(Phase::late, 2, 1);
  const auto left_out = rate.take_left_out(2, true);
  REQUIRE(left_out.has_value());
  CHECK(left_out->reports == 1);
}

TEST_CASE("what can never end is always admitted, and takes no other report's place") {
  RateLimit rate(1);
  CHECK(rate.admit(Phase::late, 1, 0));
  CHECK(rate.admit(Phase::over, 2, 1, true));
  CHECK(rate.admit(Phase::over, 3, 2, true));
  CHECK_FALSE(rate.admit(Phase::late, 4, 3));
  RateLimit first(1);
  CHECK(first.admit(Phase::over, 1, 0, true));
  CHECK(first.admit(Phase::late, 2, 1));
}
