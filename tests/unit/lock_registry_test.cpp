#include "shim/record/lock_registry.h"

#include <set>
#include <string>

#include "tests/catch.h"

namespace holdwatch {
namespace {

std::string name_of(uintptr_t address) {
  return lock_tag(address).name;
}

TEST_CASE("the smallest limit of any lock is the smallest ever set, none while none was set") {
  // Before any other case here gives a lock a limit, as nothing takes one back.
  CHECK(smallest_lock_limit_ns() == UINT64_MAX);
  CHECK(lock_limit_ns(0x90000, 77) == 77);
  set_lock_limit_ns(0x90018, 0);
  CHECK(smallest_lock_limit_ns() == UINT64_MAX);
  CHECK(lock_limit_ns(0x90018, 77) == 0);
  set_lock_limit_ns(0x90000, 5'000);
  set_lock_limit_ns(0x90008, 3'000);
  set_lock_limit_ns(0x90010, 4'000);
  CHECK(smallest_lock_limit_ns() == 3'000);
}

TEST_CASE("a lock keeps its id, and no two have the same") {
  std::set<uint32_t> ids;
  for (uintptr_t lock = 0x10000; lock < 0x10000 + 500 * 40; lock += 40) ids.insert(lock_id(lock));
  CHECK(ids.size() == 500);
  CHECK(ids.count(0) == 0);
  const uint32_t id = lock_id(0x10000);
  CHECK(ids.count(id) == 1);
  CHECK(lock_id(0x10000) == id);
}

TEST_CASE("a lock at the address of a forgotten one has another id") {
  const uint32_t id = lock_id(0x20000);
  set_lock_name(0x20000, "journal");
  set_lock_limit_ns(0x20000, 9'000);
  forget_lock(0x20000);
  CHECK(lock_id(0x20000) != id);
  CHECK(name_of(0x20000).empty());
  CHECK(lock_limit_ns(0x20000, 77) == 77);
}

TEST_CASE("to forget a lock that is not known does nothing") {
  set_lock_name(0x28000, "neighbour");
  forget_lock(0x28008);
  CHECK(name_of(0x28000) == "neighbour");
}

TEST_CASE("a lock that was never named has no name") {
  CHECK(name_of(0x30000).empty());
}

TEST_CASE("a lock's name is the last that it was given, cut to what a report has room for") {
  set_lock_name(0x31000, "a rather long name");
  set_lock_name(0x31000, "members");
  CHECK(name_of(0x31000) == "members");
  CHECK(name_of(0x31008).empty());
  set_lock_name(0x31000, std::string(100, 'x').c_str());
  CHECK(name_of(0x31000) == std::string(kLockNameSize - 1, 'x'));
}

TEST_CASE("a lock's own limit replaces the usual one, until it is reset") {
  set_lock_limit_ns(0x40000, 5'000);
  CHECK(lock_limit_ns(0x40000, 77) == 5'000);
  CHECK(lock_limit_ns(0x40008, 77) == 77);
  set_lock_limit_ns(0x40000, kUsualLimit);
  CHECK(lock_limit_ns(0x40000, 77) == 77);
}

TEST_CASE("a lock's limit can be turned off") {
  set_lock_limit_ns(0x41000, 0);
  CHECK(lock_limit_ns(0x41000, 77) == 0);
}

TEST_CASE("a tag follows its lock's name, but not that of the lock that comes after it") {
  set_lock_name(0x50000, "first");
  LockTag tag = lock_tag(0x50000);
  set_lock_name(0x50000, "renamed");
  refresh_lock_name(0x50000, tag);
  CHECK(std::string(tag.name) == "renamed");
  forget_lock(0x50000);
  refresh_lock_name(0x50000, tag);
  CHECK(std::string(tag.name) == "renamed");
  set_lock_name(0x50000, "second");
  refresh_lock_name(0x50000, tag);
  CHECK(std::string(tag.name) == "renamed");
  CHECK(lock_tag(0x50000).id != tag.id);
}

TEST_CASE("the places of forgotten locks are used again") {
  set_lock_name(0x60000, "stays");
  const uint32_t id = lock_id(0x60000);
  for (uintptr_t lock = 0x1000000; lock < 0x1000000 + 200'000 * 64; lock += 64) {
    set_lock_name(lock, "connection");
    forget_lock(lock);
  }
  for (uintptr_t lock = 0x60008; lock < 0x60008 + 1000 * 8; lock += 8) {
    set_lock_name(lock, "new");
    const uint32_t new_id = lock_id(lock);
    CHECK(name_of(lock) == "new");
    CHECK(lock_id(lock) == new_id);
  }
  CHECK(name_of(0x60000) == "stays");
  CHECK(lock_id(0x60000) == id);
}

// Last: it fills the book.
TEST_CASE("a full registry keeps the newest locks, and those with a name or limit") {
  const uintptr_t named = 0x70000, last = 0x2000000 + 100'000 * 64;
  for (uintptr_t lock = 0x2000000; lock < last; lock += 64) lock_id(lock);
  set_lock_name(named, "extra");
  const uint32_t id = lock_id(named);
  for (uintptr_t lock = 0x3000000; lock < 0x3000000 + 100'000 * 64; lock += 64) lock_id(lock);
  CHECK(name_of(named) == "extra");
  CHECK(lock_id(named) == id);
  for (uintptr_t lock = 0x4000000; lock < 0x4000000 + 100'000 * 64; lock += 64) set_lock_name(lock, "old");
  set_lock_name(named + 8, "newest");
  set_lock_limit_ns(named + 8, 5'000);
  CHECK(name_of(named + 8) == "newest");
  CHECK(lock_id(named + 8) == lock_id(named + 8));
  CHECK(lock_limit_ns(named + 8, 77) == 5'000);
}

}  // namespace
}  // namespace holdwatch
