// The rules of symbolizer/report/text_format.h.
#include "symbolizer/report/text_format.h"

#include "tests/catch.h"

using namespace holdwatch;

TEST_CASE("a duration has the unit that a person would choose and is never rounded up") {
  CHECK(format_duration(0) == "0 us");
  CHECK(format_duration(350'999) == "350 us");
  CHECK(format_duration(999'999) == "999 us");
  CHECK(format_duration(850'000'000) == "850 ms");
  CHECK(format_duration(999'999'999) == "999 ms");
  CHECK(format_duration(1'000'000'000) == "1 s");
  CHECK(format_duration(1'259'000'000) == "1.25 s");
  CHECK(format_duration(2'500'000'000) == "2.5 s");
  CHECK(format_duration(12'499'999'999) == "12.4 s");
  CHECK(format_duration(20'099'000'000) == "20 s");
  CHECK(format_duration(59'999'999'999) == "59.9 s");
  CHECK(format_duration(60'000'000'000) == "1 min");
  CHECK(format_duration(843'000'000'000) == "14 min 3 s");
  CHECK(format_duration(7'500'000'000'000) == "2 h 5 min");
  CHECK(format_duration(90'000'000'000'000) == "1 d 1 h");
}

TEST_CASE("times are RFC 3339 in UTC with milliseconds") {
  CHECK(format_time(0) == "1970-01-01T00:00:00.000Z");
  CHECK(format_time(1'763'926'512'123'999'999) == "2025-11-23T19:35:12.123Z");
  CHECK(format_time_compact(1'763'926'512'123'999'999) == "20251123T193512Z");
}

TEST_CASE("one is singular, everything else plural") {
  CHECK(count_of(0, "thread", "threads") == "0 threads");
  CHECK(count_of(1, "thread", "threads") == "1 thread");
  CHECK(count_of(2, "thread", "threads") == "2 threads");
}

TEST_CASE("nothing that a program chose can move the cursor or begin a line") {
  CHECK(escape("plain") == "plain");
  CHECK(escape("a\nb\x1b[31m\x7f") == "a\\x0ab\\x1b[31m\\x7f");
  CHECK(escape(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(escape("\xc2\x9b"
               "31m") == "\\xc2\\x9b31m");  // C1's control sequence introducer
}

TEST_CASE("UTF-8 stays, what is not UTF-8 is shown byte by byte") {
  CHECK(escape("z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x94\x92") == "z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x94\x92");
  CHECK(escape("\xff") == "\\xff");
  CHECK(escape("a\xc3") == "a\\xc3");                           // cut off, as a 15-byte thread name may be
  CHECK(escape("\xc0\xaf") == "\\xc0\\xaf");                    // overlong
  CHECK(escape("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(escape("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
}

TEST_CASE("a quoted name cannot end its quotes") {
  CHECK(quote("bcast") == "\"bcast\"");
  CHECK(quote("a\"; L9 \\") == "\"a\\\"; L9 \\\\\"");
}

TEST_CASE("columns are code points, not bytes") {
  CHECK(columns("abc") == 3);
  CHECK(columns("z\xc3\xbcrich") == 6);
}

TEST_CASE("a base name is what follows the last slash") {
  CHECK(base_name("/src/room.cpp") == "room.cpp");
  CHECK(base_name("room.cpp") == "room.cpp");
  CHECK(base_name("[vdso]") == "[vdso]");
}
