// The rules of symbolizer/symbols/abbreviations.h.
#include "symbolizer/symbols/abbreviations.h"

#include <string>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

// A compile unit with a name and children; a subprogram whose inline attribute has its value here (implicit_const).
const std::string kTable("\x01\x11\x01\x03\x08\x00\x00\x02\x2e\x00\x20\x21\x01\x00\x00\x00", 16);

}  // namespace

TEST_CASE("tables follow each other, with or without padding") {
  const Abbreviations abbreviations(kTable + std::string(2, '\0') + kTable);
  CHECK(abbreviations.is_sound(0));
  CHECK(abbreviations.is_sound(kTable.size() + 2));
}

TEST_CASE("an offset into the middle of a table is not sound") {
  const Abbreviations abbreviations(kTable);
  CHECK_FALSE(abbreviations.is_sound(7));
  CHECK_FALSE(abbreviations.is_sound(kTable.size()));
  CHECK_FALSE(abbreviations.is_sound(~uint64_t{0}));
}

TEST_CASE("a table that ends too early is not sound, those before it are") {
  for (size_t size = 1; size < kTable.size(); ++size) {
    CHECK_FALSE(Abbreviations(kTable.substr(0, size)).is_sound(0));
    CHECK(Abbreviations(kTable + kTable.substr(0, size)).is_sound(0));
  }
}

TEST_CASE("an abbreviation with more attributes than any compiler gives is not sound") {
  std::string table("\x01\x11\x01", 3);
  for (int i = 0; i < 300; ++i) table += "\x3f\x19";  // external, present: without a byte in the entry
  table += std::string(3, '\0');
  CHECK_FALSE(Abbreviations(table).is_sound(0));
}
