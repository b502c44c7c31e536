// Sizes, durations and names in words.
#include "symbolizer/activity/words.h"

#include "tests/catch.h"

using namespace holdwatch;

TEST_CASE("a size is printed in the largest unit that it reaches, truncated after one decimal") {
  CHECK(size_in_words(0) == "0 B");
  CHECK(size_in_words(1023) == "1023 B");
  CHECK(size_in_words(1024) == "1 KiB");
  CHECK(size_in_words(1536) == "1.5 KiB");
  CHECK(size_in_words(98304) == "96 KiB");
  CHECK(size_in_words(2 * 1048576 - 1) == "1.9 MiB");
  CHECK(size_in_words(UINT64_MAX) == "17179869183.9 GiB");
}

TEST_CASE("a duration is printed in the largest unit that it reaches, truncated after one decimal") {
  CHECK(duration_in_words(0) == "0 us");
  CHECK(duration_in_words(50'000) == "50 us");
  CHECK(duration_in_words(1'500'000) == "1.5 ms");
  CHECK(duration_in_words(3'000'000'000) == "3 s");
  CHECK(duration_in_words(2'999'999'999) == "2.99 s");
  CHECK(duration_in_words(UINT64_MAX) == "213503 d 23 h");
}

TEST_CASE("an address is written in hexadecimal") {
  CHECK(hex_in_words(0) == "0x0");
  CHECK(hex_in_words(UINT64_MAX) == "0xffffffffffffffff");
}

TEST_CASE("control characters are written out, and everything else is left as it is") {
  CHECK(printable("/var/lib/x y") == "/var/lib/x y");
  CHECK(printable("a\nb\x1b[2J\x7f") == "a\\x0ab\\x1b[2J\\x7f");
  CHECK(printable(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(printable("a\xc2\x9b"
                  "2J\xc2\xa0") == "a\\xc2\\x9b2J\xc2\xa0");
  CHECK(printable("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
}

TEST_CASE("a text that is too long is cut between characters, and shows it") {
  CHECK(cut_to("12345", 5) == "12345");
  CHECK(cut_to("123456", 5) == "12...");
  CHECK(cut_to("1\xc3\xbc"
               "3456",
               5) == "1...");
  CHECK(cut_to("123456", 2).empty());
}
