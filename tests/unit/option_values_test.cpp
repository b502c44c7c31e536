// The rules of option values: what a duration, a count, a choice and a path may look like.
#include "shim/common/options/option_values.h"

#include <cstdint>
#include <string>

#include "tests/catch.h"

namespace holdwatch {
namespace {

void check_duration(std::string_view text, uint64_t ns) {
  const Parsed<uint64_t> parsed = parse_duration(text);
  INFO(text);
  REQUIRE(parsed.ok());
  CHECK(parsed.value == ns);
}

std::string why_not(std::string_view text) {
  const Parsed<uint64_t> parsed = parse_duration(text);
  return parsed.ok() ? "it is one" : parsed.reason;
}

TEST_CASE("a duration is a number and a unit") {
  check_duration("1ns", 1);
  check_duration("20us", 20'000);
  check_duration("250ms", 250'000'000);
  check_duration("1s", 1'000'000'000);
  check_duration("2m", 120'000'000'000);
  check_duration("3h", 10'800'000'000'000);
}

TEST_CASE("a duration may have a fraction, taken exactly") {
  check_duration("1.5s", 1'500'000'000);
  check_duration("0.25ms", 250'000);
  check_duration("1.000000001s", 1'000'000'001);
  check_duration("1.50000000000000000000s", 1'500'000'000);
  check_duration("0.5h", 1'800'000'000'000);
}

TEST_CASE("only zero needs no unit") {
  check_duration("0", 0);
  check_duration("0s", 0);
  CHECK(why_not("10") == "needs a unit, as in 250ms or 1.5s");
  CHECK(why_not("1.5") == "needs a unit, as in 250ms or 1.5s");
}

TEST_CASE("what is finer than a nanosecond is refused rather than rounded to off") {
  CHECK(why_not("0.0000000001s") == "finer than a nanosecond");
  CHECK(why_not("1.5ns") == "finer than a nanosecond");
  CHECK(why_not("0.00000000001m") == "finer than a nanosecond");
}

TEST_CASE("a duration that overflows is refused") {
  check_duration("18446744073709551615ns", UINT64_MAX);
  CHECK(why_not("18446744073709551616ns") == "too large");
  CHECK(why_not("18446744073.709551616s") == "too large");
  CHECK(why_not("99999999999999999999999h") == "too large");
  CHECK(why_not("5124096h") == "too large");
}

TEST_CASE("anything else is no duration") {
  for (const char* text : {"", "s", "abc", "-1s", "+1s", ".5s", "1.s", " 1s", "one second"}) {
    INFO(text);
    CHECK(why_not(text) == "not a duration such as 250ms or 1.5s");
  }
  for (const char* text : {"1 s", "1S", "1sec", "1s ", "1d", "1.5.5s", "1e3s"}) {
    INFO(text);
    CHECK(why_not(text) == "unknown unit (valid: ns, us, ms, s, m, h)");
  }
}

TEST_CASE("a duration is written exactly, in the largest unit that divides it, and read back as the same") {
  const auto written = [](uint64_t ns) {
    Line<64> line;
    write_duration(ns, line);
    CHECK(parse_duration(line).value == ns);
    return std::string(line.c_str());
  };
  CHECK(written(0) == "0");
  CHECK(written(1'250'000'000) == "1250ms");
  CHECK(written(90'000'000'000) == "90s");
  CHECK(written(3'600'000'000'000) == "1h");
  CHECK(written(UINT64_MAX) == "18446744073709551615ns");
}

TEST_CASE("a count is decimal digits that fit 64 bits") {
  CHECK(parse_count("0").value == 0);
  CHECK(parse_count("18446744073709551615").value == UINT64_MAX);
  for (const char* text : {"", "-1", "1.5", "0x10", "18446744073709551616", "1 "}) {
    INFO(text);
    CHECK_FALSE(parse_count(text).ok());
  }
}

TEST_CASE("a choice is exactly one of the words, counted from nought") {
  CHECK(parse_choice("callsite", "callsite, auto, full").value == 0);
  CHECK(parse_choice("full", "callsite, auto, full").value == 2);
  for (const char* text : {"", "ful", "fulls", "FULL", "auto, full"}) {
    INFO(text);
    CHECK_FALSE(parse_choice(text, "callsite, auto, full").ok());
  }
  CHECK(choice_name(1, "callsite, auto, full") == "auto");
}

TEST_CASE("a range is found among the alternatives") {
  const NumberRange signals = range_in("auto, off, 34 to 64", parse_count);
  CHECK_FALSE(signals.contains(33));
  CHECK(signals.contains(34));
  CHECK(signals.contains(64));
  CHECK_FALSE(signals.contains(65));
  CHECK(range_in("0, 1ms to 2h", parse_duration).lowest == 1'000'000);
  CHECK(range_in("anything", parse_count).contains(UINT64_MAX));
}

TEST_CASE("a path may have the known placeholders and literal percent signs only") {
  CHECK(check_placeholders("/var/log/%e-%p-%h-%t.log") == nullptr);
  CHECK(check_placeholders("100%%") == nullptr);
  CHECK(check_placeholders("/tmp/%d") != nullptr);
  CHECK(check_placeholders("/tmp/%") != nullptr);
}

}  // namespace
}  // namespace holdwatch
