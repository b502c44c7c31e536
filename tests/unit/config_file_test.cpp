// The rules of reading a file of "name = value" lines.
#include "shim/common/options/config_file.h"

#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "shim/base/libc_functions.h"
#include "tests/catch.h"

namespace holdwatch {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  const std::string path = "/tmp/holdwatch-config-file-" + std::to_string(getpid());
  std::ofstream(path) << text;
  ConfigFile file(describe_error);
  REQUIRE(file.open(path.c_str()) == nullptr);
  unlink(path.c_str());
  std::vector<std::string> lines;
  for (std::string_view line; file.next(&line);) {
    lines.push_back(std::to_string(file.line_number()) + ":" + std::string(line) + (file.line_is_cut() ? "..." : ""));
  }
  CHECK(file.error() == nullptr);
  return lines;
}

using Lines = std::vector<std::string>;

TEST_CASE("lines are counted from one, and the last needs no newline") {
  CHECK(lines_of("").empty());
  CHECK(lines_of("a\n\nb") == Lines{"1:a", "2:", "3:b"});
  CHECK(lines_of("a\n") == Lines{"1:a"});
}

TEST_CASE("a line across the borders of what one read gives stays whole") {
  const std::string first(1000, 'a');
  const std::string second(1000, 'b');
  CHECK(lines_of(first + "\n" + second + "\n") == Lines{"1:" + first, "2:" + second});
}

TEST_CASE("a line of 1024 bytes is whole, a longer one is cut, and the next is not affected") {
  CHECK(lines_of(std::string(1024, 'a')) == Lines{"1:" + std::string(1024, 'a')});
  CHECK(lines_of(std::string(3000, 'a') + "\nb") == Lines{"1:" + std::string(1024, 'a') + "...", "2:b"});
}

std::string parsed(const char* line) {
  Setting setting;
  switch (parse_setting(line, &setting)) {
    case LineContent::nothing:
      return "nothing";
    case LineContent::junk:
      return "junk";
    case LineContent::setting:
      break;
  }
  return "<" + std::string(setting.name) + "> is <" + std::string(setting.value) + ">";
}

TEST_CASE("blanks around name and value do not count, blanks inside do") {
  CHECK(parsed("limit=1s") == "<limit> is <1s>");
  CHECK(parsed(" \tlimit =\t1s \r") == "<limit> is <1s>");
  CHECK(parsed("json = /a b/c=d") == "<json> is </a b/c=d>");
  CHECK(parsed("json =") == "<json> is <>");
}

TEST_CASE("a comment begins at a # that comes first or after a blank") {
  CHECK(parsed("# limit = 1s") == "nothing");
  CHECK(parsed("  # limit = 1s") == "nothing");
  CHECK(parsed("log = /tmp/a#b # and so on") == "<log> is </tmp/a#b>");
}

TEST_CASE("a line without a name and an equals sign is junk, an empty one is nothing") {
  CHECK(parsed("") == "nothing");
  CHECK(parsed(" \t\r") == "nothing");
  CHECK(parsed("limit 1s") == "junk");
  CHECK(parsed("= 1s") == "junk");
}

}  // namespace
}  // namespace holdwatch
