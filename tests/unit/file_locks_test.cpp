// The rules of symbolizer/waits/file_locks.h: the kernel's text.
#include "symbolizer/waits/file_locks.h"

#include <sys/sysmacros.h>

#include "tests/catch.h"

using namespace holdwatch;

TEST_CASE("held locks are told from those that are waited for") {
  const auto locks = parse_file_locks(
      "1: POSIX  ADVISORY  WRITE 4711 fe:01:131 0 EOF\n"
      "1: -> POSIX  ADVISORY  WRITE 4712 fe:01:131 10 19\n"
      "2: FLOCK  ADVISORY  READ 4713 08:02:18446744073709551615 0 EOF\n");
  REQUIRE(locks.size() == 3);
  CHECK_FALSE(locks[0].waits);
  CHECK(locks[0].kind == FileLock::Kind::posix);
  CHECK(locks[0].writes);
  CHECK(locks[0].pid == 4711);
  CHECK(locks[0].device == makedev(0xfe, 1));
  CHECK(locks[0].inode == 131);
  CHECK(locks[0].end == UINT64_MAX);
  CHECK(locks[1].waits);
  CHECK(locks[1].pid == 4712);
  CHECK(locks[1].start == 10);
  CHECK(locks[1].end == 19);
  CHECK(locks[2].kind == FileLock::Kind::flock);
  CHECK_FALSE(locks[2].writes);
  CHECK(locks[2].inode == UINT64_MAX);
}

TEST_CASE("a lock of an open file description belongs to no process") {
  const auto locks = parse_file_locks("3: OFDLCK ADVISORY  WRITE -1 fe:01:131 0 EOF\n");
  REQUIRE(locks.size() == 1);
  CHECK(locks[0].kind == FileLock::Kind::other);
  CHECK(locks[0].pid == -1);
}

TEST_CASE("what is not such a line is left out") {
  CHECK(parse_file_locks("").empty());
  CHECK(parse_file_locks("\n\n").empty());
  CHECK(parse_file_locks("1: POSIX  ADVISORY  WRITE").empty());
  CHECK(parse_file_locks("no lock at all\n1: FLOCK  ADVISORY  WRITE 1 00:01:2 0 EOF").size() == 1);
}
