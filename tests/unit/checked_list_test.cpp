#include "symbolizer/tools/top/checked_list.h"

#include <cstdlib>

#include "symbolizer/tools/top/lock_rows.h"
#include "tests/catch.h"
#include "tests/unit/lock_list_scene.h"

namespace holdwatch::top {
namespace {

struct CheckedScene : ListScene {
  CheckedScene() {
    lock("a").held_by(1, kSecond).waited_for_by(2, kSecond);
    lock("b").held_by(2, kSecond);
  }
  std::string names_left() {
    check_list(*list);
    std::string names;
    for (uint32_t i = 0; i < list->lock_count; ++i) names += list->locks[i].name;
    return names;
  }
};

template <typename T>
void set_byte(T& value, unsigned char byte) {
  memcpy(&value, &byte, 1);
}

TEST_CASE("a list as it should be stays as it is") {
  CheckedScene scene;
  CHECK(scene.names_left() == "ab");
  CHECK(rows_of(*scene.list).size() == 2);
}

TEST_CASE("a lock that refers to more than there is, is left out") {
  CheckedScene beyond, too_many, wrapped;
  beyond.list->locks[0].first_hold = 3;
  CHECK(beyond.names_left() == "b");
  too_many.list->locks[0].wait_count = 2;
  CHECK(too_many.names_left() == "b");
  wrapped.list->locks[1].first_hold = 2;
  wrapped.list->locks[1].hold_count = UINT32_MAX;
  CHECK(wrapped.names_left() == "a");
}

TEST_CASE("a value that is none of its kind has the lock left out") {
  CheckedScene kind, access, likely;
  set_byte(kind.list->locks[0].lock.kind, 200);
  CHECK(kind.names_left() == "b");
  set_byte(access.list->holds[0].access, 2);
  CHECK(access.names_left() == "b");
  set_byte(likely.list->holds[1].likely, 7);
  CHECK(likely.names_left() == "a");
}

TEST_CASE("texts end, and counts are within their arrays") {
  CheckedScene scene;
  memset(scene.list->locks[0].name, 'x', sizeof scene.list->locks[0].name);
  memset(scene.list->holds[0].thread, 'y', sizeof scene.list->holds[0].thread);
  scene.list->holds[0].site_count = 1000;
  scene.list->lock_count = UINT32_MAX;
  scene.list->hold_count = UINT32_MAX;
  check_list(*scene.list);
  CHECK(strlen(scene.list->locks[0].name) == kLockNameSize - 1);
  CHECK(strlen(scene.list->holds[0].thread) == kThreadNameSize - 1);
  CHECK(scene.list->holds[0].site_count == kMaxCallSites);
  CHECK(scene.list->lock_count <= kMaxListedLocks);
  CHECK(scene.list->hold_count == kMaxListedHolds);
}

TEST_CASE("whatever bytes the list has, rows can be made of it") {
  std::srand(1);
  for (int round = 0; round < 200; ++round) {
    CheckedScene scene;
    auto* const bytes = reinterpret_cast<unsigned char*>(scene.list.get());
    const size_t size = round % 2 == 0 ? offsetof(LockList, holds) : sizeof(LockList);
    for (int i = 0; i < 2000; ++i)
      bytes[static_cast<size_t>(std::rand()) % size] = static_cast<unsigned char>(std::rand() % 4);
    check_list(*scene.list);
    const auto rows = rows_of(*scene.list);
    CHECK(places_of(rows, Order::roots).size() == rows.size());
  }
}

}  // namespace
}  // namespace holdwatch::top
