// The rules of TextBuffer: what numbers and durations look like, and what happens to text that does not fit.
#include "shim/common/text/text_buffer.h"

#include <cstdint>
#include <string>

#include "tests/catch.h"

namespace holdwatch {
namespace {

template <typename Value>
std::string written(Value value) {
  Line<128> line;
  line << value;
  return line.c_str();
}

constexpr uint64_t kSecond = 1'000'000'000;

TEST_CASE("integers of every width and sign are written in decimal, without loss") {
  CHECK(written(0) == "0");
  CHECK(written(UINT64_MAX) == "18446744073709551615");
  CHECK(written(INT64_MIN) == "-9223372036854775808");
  CHECK(written(int8_t{-128}) == "-128");
  CHECK(written(uint16_t{65535}) == "65535");
  CHECK(written(true) == "1");
}

TEST_CASE("addresses are written in lower-case hexadecimal with a prefix") {
  CHECK(written(Hex{0}) == "0x0");
  CHECK(written(Hex{0x55d0c81f20}) == "0x55d0c81f20");
  CHECK(written(Hex{UINT64_MAX}) == "0xffffffffffffffff");
}

TEST_CASE("a duration is written in its largest unit, and the next one where there is one") {
  CHECK(written(Duration{0}) == "0 us");
  CHECK(written(Duration{850'000}) == "850 us");
  CHECK(written(Duration{850'000'000}) == "850 ms");
  CHECK(written(Duration{12'400'000'000}) == "12.4 s");
  CHECK(written(Duration{843 * kSecond}) == "14 min 3 s");
  CHECK(written(Duration{12'000 * kSecond}) == "3 h 20 min");
  CHECK(written(Duration{90'000 * kSecond}) == "1 d 1 h");
}

TEST_CASE("a duration's zero part is left out") {
  CHECK(written(Duration{kSecond}) == "1 s");
  CHECK(written(Duration{120 * kSecond}) == "2 min");
  CHECK(written(Duration{7200 * kSecond}) == "2 h");
  CHECK(written(Duration{2'500'000'000}) == "2.5 s");
}

TEST_CASE("hundredths of a second are written below ten seconds only") {
  CHECK(written(Duration{1'250'000'000}) == "1.25 s");
  CHECK(written(Duration{2'010'000'000}) == "2.01 s");
  CHECK(written(Duration{20'090'000'000}) == "20 s");
}

TEST_CASE("tenths of a millisecond or of a microsecond are written below ten only") {
  CHECK(written(Duration{1'590'000}) == "1.5 ms");
  CHECK(written(Duration{2'000'000}) == "2 ms");
  CHECK(written(Duration{10'500'000}) == "10 ms");
  CHECK(written(Duration{9'999}) == "9.9 us");
  CHECK(written(Duration{50'900}) == "50 us");
  CHECK(written(Duration{99}) == "0 us");
}

TEST_CASE("a duration is rounded down, never up to a time that was not reached") {
  CHECK(written(Duration{999'999'999}) == "999 ms");
  CHECK(written(Duration{1'999'999'999}) == "1.99 s");
  CHECK(written(Duration{59'999'999'999}) == "59.9 s");
  CHECK(written(Duration{3'599'999'999'999}) == "59 min 59 s");
}

TEST_CASE("the longest duration fits") {
  CHECK(written(Duration{UINT64_MAX}) == "213503 d 23 h");
}

TEST_CASE("text that just fits is written whole") {
  Line<8> line;
  line << "1234"
       << "567";
  CHECK(std::string(line.c_str()) == "1234567");
  CHECK_FALSE(line.truncated());
}

TEST_CASE("text that does not fit ends in dots, and stays so whatever is appended") {
  Line<8> line;
  line << "12345678";
  CHECK(std::string(line.c_str()) == "1234...");
  line << 'x' << 9;
  CHECK(std::string(line.c_str()) == "1234...");
  CHECK(line.truncated());
  CHECK(line.size() == 7);
}

TEST_CASE("a cleared line can be filled again") {
  Line<8> line;
  line << "12345678";
  line.clear();
  CHECK(line.size() == 0);
  line << "again";
  CHECK(std::string(line.c_str()) == "again");
}

TEST_CASE("a buffer never writes beyond its size") {
  char storage[6] = {'#', '#', '#', '#', '#', '#'};
  TextBuffer buffer(storage, 5);
  buffer << "a long text";
  CHECK(std::string(storage) == "a...");
  CHECK(storage[5] == '#');
}

}  // namespace
}  // namespace holdwatch
