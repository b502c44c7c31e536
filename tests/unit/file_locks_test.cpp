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
  CHECK(locks[0].kind == FileLock::Kind::open_file);
  CHECK(locks[0].pid == -1);
}

TEST_CASE("what is not such a line is left out") {
  CHECK(parse_file_locks("").empty());
  CHECK(parse_file_locks("\n\n").empty());
  CHECK(parse_file_locks("1: POSIX  ADVISORY  WRITE").empty());
  CHECK(parse_file_locks("no lock at all\n1: FLOCK  ADVISORY  WRITE 1 00:01:2 0 EOF").size() == 1);
}

namespace {

FileLock lock_of(FileLock::Kind kind, bool writes, uint64_t start = 0, uint64_t end = UINT64_MAX) {
  return {false, kind, writes, 4711, makedev(0xfe, 1), 131, start, end};
}

}  // namespace

TEST_CASE("a lock keeps out what conflicts with it") {
  using Kind = FileLock::Kind;
  const FileLock write = lock_of(Kind::posix, true), read = lock_of(Kind::posix, false);
  CHECK(keeps_out(write, read, false));
  CHECK(keeps_out(read, write, false));
  CHECK_FALSE(keeps_out(read, read, false));
  CHECK(keeps_out(lock_of(Kind::posix, true, 0, 9), lock_of(Kind::posix, true, 9, 19), false));
  CHECK_FALSE(keeps_out(lock_of(Kind::posix, true, 0, 9), lock_of(Kind::posix, true, 10, 19), false));
  FileLock elsewhere = write, waits = write;
  elsewhere.inode = 132;
  waits.waits = true;
  CHECK_FALSE(keeps_out(elsewhere, write, false));
  CHECK_FALSE(keeps_out(waits, write, false));
}

TEST_CASE("locks of processes and of open files keep out each other, those by flock only their like") {
  using Kind = FileLock::Kind;
  const FileLock posix = lock_of(Kind::posix, true), open_file = lock_of(Kind::open_file, true),
                 whole = lock_of(Kind::flock, true);
  CHECK(keeps_out(open_file, posix, false));
  CHECK(keeps_out(posix, open_file, false));
  CHECK(keeps_out(open_file, open_file, true));
  CHECK(keeps_out(posix, open_file, true));
  CHECK(keeps_out(whole, whole, true));
  CHECK_FALSE(keeps_out(posix, posix, true));
  CHECK_FALSE(keeps_out(whole, posix, false));
  CHECK_FALSE(keeps_out(open_file, whole, false));
}
