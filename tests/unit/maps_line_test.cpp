// The rules of shim/common/proc/maps_line.h.
#include "shim/common/proc/maps_line.h"

#include "tests/catch.h"

using namespace holdwatch;

TEST_CASE("a line says which page of which file it begins with") {
  MapsLine line;
  REQUIRE(parse_maps_line("7f0000003000-7f0000005000 rw-s 00002000 00:1f 1027     /dev/zero (deleted)", &line));
  CHECK(line.range.start == 0x7f0000003000);
  CHECK(line.shared);
  CHECK(line.start.offset == 0x2000);
  CHECK(line.start.device == 0x1f);
  CHECK(line.start.inode == 1027);
  REQUIRE(parse_maps_line("1000-2000 r-xp 00000000 fd:01 1234 /usr/bin/server", &line));
  CHECK_FALSE(line.shared);
  CHECK(line.start.device == (uint64_t{0xfd} << 32 | 1));
  CHECK(line.start.inode == 1234);
}

TEST_CASE("shared memory without a file or a descriptor is anonymous") {
  MapsLine line;
  REQUIRE(parse_maps_line(
      "7f0000003000-7f0000005000 rw-s 00002000 00:01 1027                       /dev/zero (deleted)", &line));
  CHECK(is_anonymous(line));
  REQUIRE(parse_maps_line("7f0000003000-7f0000005000 rw-s 00002000 00:01 1027                       /memfd:x (deleted)",
                          &line));
  CHECK_FALSE(is_anonymous(line));
  REQUIRE(parse_maps_line("7f0000003000-7f0000005000 rw-p 00000000 00:00 0 ", &line));
  CHECK_FALSE(is_anonymous(line));
}

TEST_CASE("a line says what is mapped how, and from which file") {
  MapsLine line;
  REQUIRE(parse_maps_line("1000-2000 r-xp 00000000 fd:01 1234       /a b\\012c (deleted)", &line));
  CHECK(line.range.end == 0x2000);
  CHECK(line.readable);
  CHECK_FALSE(line.writable);
  CHECK(line.executable);
  CHECK(line.path == "/a b\\012c (deleted)");
  REQUIRE(parse_maps_line("1000-2000 -w-p 00000000 00:00 0 ", &line));
  CHECK(line.writable);
  CHECK(line.path.empty());
  REQUIRE(parse_maps_line("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0          [vsyscall]", &line));
  CHECK(line.path == "[vsyscall]");
}

TEST_CASE("a line that is cut, empty or out of all bounds is not understood") {
  const char* const text =
      GENERATE("", "-", "1000", "1000-", "1000-2000", "1000-2000 r-", "1000-2000 r-xp 0", "1000-2000 r-xp 0 fd:01",
               "1000-2000 r-xp 0 fd:01 ", "2000-1000 r-xp 0 fd:01 1", "1000-1000 r-xp 0 fd:01 1",
               "1000-10000000000000000 r-xp 0 fd:01 1", "1000-2000 r-xp 0 fd:01 18446744073709551616", "zzz");
  INFO(text);
  MapsLine line;
  CHECK_FALSE(parse_maps_line(text, &line));
}
