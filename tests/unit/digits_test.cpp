// The rules of shim/common/text/digits.h.
#include "shim/common/text/digits.h"

#include <string>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  put_hex(bytes, [&](char digit) { out += digit; });
  return out;
}

}  // namespace

TEST_CASE("each byte is two digits, in lower case") {
  CHECK(hex({"\x00\x7f\xab\xff", 4}) == "007fabff");
  CHECK(hex("").empty());
}

TEST_CASE("a number is taken off the front, up to what is no digit of its base") {
  std::string_view text = "7f00-12";
  CHECK(take_number(text, 16) == 0x7f00);
  CHECK(text == "-12");
  text = "12ab";
  CHECK(take_number(text, 10) == 12);
  CHECK(text == "ab");
}

TEST_CASE("a number that is a whole text has nothing beside it") {
  CHECK(number_of("120") == 120);
  CHECK(number_of("ff", 16) == 255);
  for (const std::string_view given : {"", "1 ", " 1", "1x", "-1", "18446744073709551616"})
    CHECK_FALSE(number_of(given));
  CHECK(leading_number("34\n") == 34);
  CHECK(leading_number("self") == 0);
}

TEST_CASE("no number, or one that does not fit, is none and takes nothing") {
  for (const std::string_view given : {"", "-1", "x", "A0", "18446744073709551616", "99999999999999999999999"}) {
    INFO(given);
    std::string_view text = given;
    CHECK_FALSE(take_number(text, 10));
    CHECK(text == given);
  }
  std::string_view most = "18446744073709551615";
  CHECK(take_number(most, 10) == UINT64_MAX);
  most = "ffffffffffffffff";
  CHECK(take_number(most, 16) == UINT64_MAX);
}
