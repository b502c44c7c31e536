// The rules of glob_matches.
#include "shim/common/options/glob.h"

#include <string>

#include "tests/catch.h"

namespace holdwatch {
namespace {

TEST_CASE("a pattern without special characters matches itself alone") {
  CHECK(glob_matches("redis-server", "redis-server"));
  CHECK_FALSE(glob_matches("redis", "redis-server"));
  CHECK_FALSE(glob_matches("redis-server", "redis"));
  CHECK(glob_matches("", ""));
  CHECK_FALSE(glob_matches("", "a"));
}

TEST_CASE("a star matches any text, also none") {
  CHECK(glob_matches("*", ""));
  CHECK(glob_matches("*", "anything"));
  CHECK(glob_matches("redis-*", "redis-server"));
  CHECK(glob_matches("*server", "redis-server"));
  CHECK(glob_matches("r*s*r", "redis-server"));
  CHECK(glob_matches("**a**", "bab"));
  CHECK_FALSE(glob_matches("*a", "ab"));
}

TEST_CASE("a star gives back what it took too much of") {
  CHECK(glob_matches("*ab*ab", "abxabyab"));
  CHECK(glob_matches("a*bc", "abbcbc"));
  CHECK_FALSE(glob_matches("a*bc", "abbcb"));
}

TEST_CASE("a question mark matches exactly one byte") {
  CHECK(glob_matches("pytho?3", "python3"));
  CHECK_FALSE(glob_matches("python?", "python"));
  CHECK_FALSE(glob_matches("?", ""));
}

TEST_CASE("a set matches its members and ranges") {
  CHECK(glob_matches("python[23]", "python3"));
  CHECK_FALSE(glob_matches("python[23]", "python4"));
  CHECK(glob_matches("[a-cx-z]1", "y1"));
  CHECK_FALSE(glob_matches("[a-cx-z]1", "d1"));
  CHECK(glob_matches("[a-]", "-"));
}

TEST_CASE("a set with ! or ^ matches everything else") {
  CHECK(glob_matches("[!s]*", "redis"));
  CHECK_FALSE(glob_matches("[^r]*", "redis"));
}

TEST_CASE("a closing bracket that comes first is a member") {
  CHECK(glob_matches("[]a]", "]"));
  CHECK(glob_matches("[!]a]", "b"));
  CHECK_FALSE(glob_matches("[!]a]", "]"));
}

TEST_CASE("a bracket that is never closed matches itself") {
  CHECK(glob_matches("[ab", "[ab"));
  CHECK_FALSE(glob_matches("[ab", "a"));
}

TEST_CASE("a backslash takes the next character literally") {
  CHECK(glob_matches("\\*", "*"));
  CHECK_FALSE(glob_matches("\\*", "a"));
  CHECK(glob_matches("a\\", "a\\"));
}

TEST_CASE("many stars take a time that grows with the product of the lengths, not exponentially") {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  // Tried naively this would go on for longer than the universe has.
  CHECK_FALSE(glob_matches(pattern, std::string(99, 'a')));
  CHECK_FALSE(glob_matches(pattern + "b", std::string(500, 'a')));
}

}  // namespace
}  // namespace holdwatch
