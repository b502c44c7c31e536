#include "symbolizer/tools/top/command_line.h"

#include <vector>

#include "tests/catch.h"

namespace holdwatch::top {
namespace {

std::optional<TopArguments> parsed(std::vector<const char*> words) {
  std::string why;
  return parse_top_arguments(static_cast<int>(words.size()), words.data(), why);
}

std::string complaint(std::vector<const char*> words) {
  std::string why;
  CHECK_FALSE(parse_top_arguments(static_cast<int>(words.size()), words.data(), why));
  return why;
}

TEST_CASE("a process alone is watched once a second without end") {
  const auto arguments = parsed({"4711"});
  REQUIRE(arguments);
  CHECK(arguments->pid == 4711);
  CHECK(arguments->interval_ns == 1'000'000'000);
  CHECK(arguments->count == 0);
  CHECK(arguments->color == ColorWhen::automatic);
}

TEST_CASE("options may stand before and after the process") {
  const auto arguments = parsed({"--count=3", "4711", "--interval", "2.5s", "--color", "never"});
  REQUIRE(arguments);
  CHECK(arguments->count == 3);
  CHECK(arguments->interval_ns == 2'500'000'000);
  CHECK(arguments->color == ColorWhen::never);
}

TEST_CASE("each mistake is named, with what to type") {
  const std::vector<std::pair<std::vector<const char*>, const char*>> mistakes = {
      {{}, "usage: holdwatch top PID"},
      {{"x"}, "invalid process id 'x'"},
      {{"1", "2"}, "too many arguments"},
      {{"1", "--every", "2"}, "unknown option --every"},
      {{"1", "--interval"}, "--interval requires a value"},
      {{"1", "--interval", "2"}, "invalid value of --interval: 2"},
      {{"1", "--interval", "99ms"}, "at least 100ms"},
      {{"1", "--count", "0"}, "a number above 0"},
      {{"1", "--count", "2x"}, "a number above 0"},
      {{"1", "--color", "blue"}, "auto, always, never"},
  };
  for (const auto& [words, text] : mistakes) {
    const std::string why = complaint(words);
    CHECK(why.find(text) != std::string::npos);
    CHECK(why.find("usage: holdwatch top PID") != std::string::npos);
  }
}

}  // namespace
}  // namespace holdwatch::top
