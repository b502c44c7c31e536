// The rules of shim/common/proc/maps_search.h.
#include "shim/common/proc/maps_search.h"

#include <string>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

const std::string kMaps =
    "1000-2000 r-xp 00000000 fd:01 1234 /usr/bin/server\n"
    "2000-3000 rw-p 00001000 fd:01 1234 /a path of any length, which is longer than the part of a line that matters\n"
    "3000-5000 rw-p 00000000 00:00 0 \n"
    "6000-7000 rw-s 00000000 00:00 0 /dev/shm/x\n"
    "7000-8000 rw-p 00000000 00:00 0 \n";

MemoryRange search(uintptr_t address, MappedAs what, size_t piece = 1000) {
  MapsSearch maps(address, what);
  for (size_t at = 0; at < kMaps.size() && !maps.take(kMaps.substr(at, piece)); at += piece) continue;
  return maps.result();
}

}  // namespace

TEST_CASE("neighbouring mappings of a kind are one range, up to a gap or another kind") {
  CHECK(search(0x2800, MappedAs::stack).start == 0x2000);
  CHECK(search(0x2800, MappedAs::stack).end == 0x5000);
  CHECK(search(0x7800, MappedAs::stack).start == 0x7000);
  CHECK(search(0x1800, MappedAs::code).end == 0x2000);
  CHECK(search(0x6800, MappedAs::stack).end == 0);
  CHECK(search(0x5800, MappedAs::stack).end == 0);
}

TEST_CASE("it does not matter how the file comes in pieces") {
  for (size_t piece = 1; piece < 100; ++piece) CHECK(search(0x2800, MappedAs::stack, piece).end == 0x5000);
}

TEST_CASE("lines that make no sense are passed over") {
  MapsSearch maps(0x1800, MappedAs::code);
  CHECK_FALSE(maps.take("\n-\n1000\n1000-\n1000-2000\n1000-2000 r-\nzzz\n"));
  CHECK(maps.result().end == 0);
}
