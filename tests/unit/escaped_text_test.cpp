// The rules of shim/common/text/escaped_text.h.
#include "shim/common/text/escaped_text.h"

#include <string>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

std::string printable(std::string_view text) {
  std::string out;
  put_printable(text, Escape::unprintable, [&out](char part) { out += part; });
  return out;
}

std::string quoted(std::string_view text) {
  std::string out;
  put_quoted(text, [&out](char part) { out += part; });
  return out;
}

}  // namespace

TEST_CASE("letters of any script are kept") {
  CHECK(printable("gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x94\x92") ==
        "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x94\x92");
  CHECK(printable("\xc2\xa0") == "\xc2\xa0");
}

TEST_CASE("what moves a terminal's cursor or ends a line is escaped") {
  CHECK(printable("a\nb\x1b[2J\x7f") == "a\\x0ab\\x1b[2J\\x7f");
  CHECK(printable({"a\0b", 3}) ==
        "a\\x00"
        "b");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");
}

TEST_CASE("bytes that are not UTF-8 are escaped, each by itself") {
  CHECK(printable("\xff") == "\\xff");
  CHECK(printable("\xe6\x97x") == "\\xe6\\x97x");         // cut short
  CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");           // an overlong form
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
}

TEST_CASE("quotes cannot be ended by what is between them") {
  CHECK(quoted("a\"b\\c\n") == "\"a\\\"b\\\\c\\x0a\"");
  CHECK(printable("a\"b\\c") == "a\"b\\c");
  CHECK(quoted("") == "\"\"");
}
