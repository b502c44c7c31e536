// The rules of the option table: every row is sound, and names are found though misspelt.
#include "shim/common/options/option_table.h"

#include <cctype>
#include <string>

#include "shim/common/options/option_values.h"
#include "tests/catch.h"

namespace holdwatch {
namespace {

const OptionRow& row_of(OptionIndex index) {
  return kOptions[static_cast<size_t>(index)];
}

std::string written(const OptionRow& row, const Settings& settings) {
  Line<600> line;
  row.write(settings, row, line);
  return line.c_str();
}

TEST_CASE("every default is a value that its own option reads, and writes back as it was") {
  Settings settings;
  set_defaults(settings);
  for (const OptionRow& row : kOptions) {
    if (row.name == "READ_LIMIT" || row.name == "WAIT_LIMIT") continue;  // derived from LIMIT
    INFO(row.name);
    CHECK(row.read(row.fallback, row, settings) == nullptr);
    CHECK(written(row, settings) == row.fallback);
  }
}

TEST_CASE("every value that a row lists is read, and written back as it was") {
  Settings settings;
  set_defaults(settings);
  for (const OptionRow& row : kOptions) {
    for (size_t i = 0; !choice_name(i, row.values).empty(); ++i) {
      const std::string word(choice_name(i, row.values));
      const bool stands_for_a_text = word == "PATH" || word == "GLOB" || word.find(' ') != std::string::npos;
      if (stands_for_a_text) continue;
      INFO(row.name << " = " << word);
      CHECK(row.read(word, row, settings) == nullptr);
      CHECK(written(row, settings) == word);
    }
  }
}

TEST_CASE("the words of a choice are in the order of its enum") {
  Settings settings;
  set_defaults(settings);
  const auto read = [&](OptionIndex index, const char* text) {
    REQUIRE(row_of(index).read(text, row_of(index), settings) == nullptr);
  };
  read(OptionIndex::ONLY, "contended");
  CHECK(settings.only == Only::contended);
  read(OptionIndex::ONLY, "auto");
  CHECK(settings.only == Only::automatic);
  read(OptionIndex::STACKS, "callsite");
  CHECK(settings.stacks == Stacks::callsite);
  read(OptionIndex::STACKS, "auto");
  CHECK(settings.stacks == Stacks::automatic);
  read(OptionIndex::STACKS, "full");
  CHECK(settings.stacks == Stacks::full);
  read(OptionIndex::CLOCK, "tick");
  CHECK(settings.clock == ClockSource::tick);
  read(OptionIndex::CLOCK, "tsc");
  CHECK(settings.clock == ClockSource::tsc);
  read(OptionIndex::SYMBOLIZE, "names");
  CHECK(settings.symbolize == Symbolize::names);
  read(OptionIndex::SYMBOLIZE, "off");
  CHECK(settings.symbolize == Symbolize::off);
}

TEST_CASE("a value outside its range is refused, and the field stays as it was") {
  Settings settings;
  set_defaults(settings);
  const auto refused = [&](OptionIndex index, const char* text) {
    const std::string before = written(row_of(index), settings);
    const char* const reason = row_of(index).read(text, row_of(index), settings);
    INFO(text);
    CHECK(reason != nullptr);
    CHECK(written(row_of(index), settings) == before);
  };
  for (const char* text : {"999us", "87601h", "1"}) refused(OptionIndex::LIMIT, text);
  for (const char* text : {"0", "1000001", "many"}) refused(OptionIndex::RATE, text);
  for (const char* text : {"0", "33", "65", "18446744073709551650", "on"}) refused(OptionIndex::SIGNAL, text);
  for (const char* text : {"", "2", "yes", "true"}) refused(OptionIndex::REPEAT, text);
  for (const char* text : {"", "logs", "exec", "exec:"}) refused(OptionIndex::ON_REPORT, text);
  for (const char* text : {"", "/tmp/%x"}) refused(OptionIndex::LOG, text);
  refused(OptionIndex::EXE, "");
  refused(OptionIndex::JSON, "/tmp/%");
}

TEST_CASE("a text takes 511 bytes, not one more") {
  Settings settings;
  set_defaults(settings);
  const OptionRow& log = row_of(OptionIndex::LOG);
  const std::string longest(kTextOptionSize - 1, 'x');
  CHECK(log.read(longest, log, settings) == nullptr);
  CHECK(settings.log == longest);
  CHECK(log.read(longest + "y", log, settings) != nullptr);
  CHECK(settings.log == longest);
}

TEST_CASE("none turns an optional file off, and so does nothing") {
  Settings settings;
  set_defaults(settings);
  const OptionRow& json = row_of(OptionIndex::JSON);
  for (const char* text : {"none", ""}) {
    REQUIRE(json.read("/tmp/x.json", json, settings) == nullptr);
    REQUIRE(json.read(text, json, settings) == nullptr);
    CHECK(std::string(settings.json).empty());
    CHECK(written(json, settings) == "none");
  }
}

TEST_CASE("a limit that is not given follows LIMIT") {
  Settings settings;
  set_defaults(settings);
  settings.limit_ns = 100;
  derive_limits(settings, false, false);
  CHECK(settings.read_limit_ns == 100);
  CHECK(settings.wait_limit_ns == 500);
  settings.read_limit_ns = 7;
  settings.wait_limit_ns = 8;
  derive_limits(settings, true, true);
  CHECK(settings.read_limit_ns == 7);
  CHECK(settings.wait_limit_ns == 8);
}

TEST_CASE("an option is found by its name in any case, but by nothing less") {
  CHECK(find_option("LIMIT") == &row_of(OptionIndex::LIMIT));
  CHECK(find_option("read_limit") == &row_of(OptionIndex::READ_LIMIT));
  CHECK(find_option("LIMI") == nullptr);
  CHECK(find_option("") == nullptr);
}

TEST_CASE("the nearest name is found through a letter lost, added, changed, or two swapped") {
  CHECK(nearest_option("LIMT") == &row_of(OptionIndex::LIMIT));
  CHECK(nearest_option("LIMITS") == &row_of(OptionIndex::LIMIT));
  CHECK(nearest_option("LIMOT") == &row_of(OptionIndex::LIMIT));
  CHECK(nearest_option("STAKCS") == &row_of(OptionIndex::STACKS));
  CHECK(nearest_option("ORDER_LOCK") == nullptr);
  CHECK(nearest_option("wait_limits") == &row_of(OptionIndex::WAIT_LIMIT));
}

TEST_CASE("a swap counts once, so that it beats two other edits") {
  // To EXE it is one swap; to any other name at least two changes.
  CHECK(nearest_option("XEE") == &row_of(OptionIndex::EXE));
}

TEST_CASE("a name that is like no other gets no suggestion") {
  CHECK(nearest_option("TIMEOUT") == nullptr);
  CHECK(nearest_option("X") == nullptr);
  CHECK(nearest_option("") == nullptr);
  CHECK(nearest_option(std::string(5000, 'A')) == nullptr);
}

}  // namespace
}  // namespace holdwatch
