#include "symbolizer/tools/top/lock_rows.h"

#include "tests/catch.h"
#include "tests/unit/lock_list_scene.h"

namespace holdwatch::top {
namespace {

std::string names_of(const std::vector<Row>& rows, Order order) {
  std::string names;
  for (const Place& place : places_of(rows, order))
    names += (names.empty() ? "" : " ") + std::string(place.depth, '>') + rows[place.row].lock->name;
  return names;
}

// Thread 1 holds a for 10 s; 2 holds b for 8 s and has waited for a for 6 s; 3 and 4 have waited for b for 7 s and 2 s. 9 holds c for 30 s.
struct Tree : ListScene {
  Tree() {
    lock("c").held_by(9, 30 * kSecond);
    lock("b").held_by(2, 8 * kSecond).waited_for_by(4, 2 * kSecond).waited_for_by(3, 7 * kSecond);
    lock("a").held_by(1, 10 * kSecond).waited_for_by(2, 6 * kSecond);
  }
};

TEST_CASE("a lock whose holder waits for another one is below that, the costliest root first") {
  const Tree tree;
  const auto rows = rows_of(*tree.list);
  CHECK(names_of(rows, Order::roots) == "a >b c");
  CHECK(rows[1].parent == 2);
  CHECK(rows[1].holder_wait == &tree.list->waits[2]);
  CHECK_FALSE(rows[2].parent);
}

TEST_CASE("those behind a lock count, each only since it has been behind it") {
  const Tree tree;
  const auto rows = rows_of(*tree.list);
  CHECK(rows[2].waiting == 1);
  CHECK(rows[2].behind == 2);
  CHECK(rows[2].lost_ns == (6 + 6 + 2) * kSecond);  // thread 3 has been behind a for 6 s of its 7
  CHECK(rows[1].waiting == 2);
  CHECK(rows[1].behind == 0);
  CHECK(rows[1].lost_ns == 9 * kSecond);
  CHECK(rows[1].longest_wait_ns == 7 * kSecond);
}

TEST_CASE("a wait that is older than the hold was lost to others before") {
  ListScene scene;
  scene.lock("a").held_by(1, kSecond).waited_for_by(2, 5 * kSecond);
  CHECK(rows_of(*scene.list)[0].lost_ns == kSecond);
  scene.last_hold().site_count = 0;  // it may have begun long before it was seen
  CHECK(rows_of(*scene.list)[0].lost_ns == 5 * kSecond);
}

TEST_CASE("the other orders have no levels, and the highest value first") {
  const Tree tree;
  const auto rows = rows_of(*tree.list);
  CHECK(names_of(rows, Order::held) == "c a b");
  CHECK(names_of(rows, Order::waiters) == "a b c");
  CHECK(names_of(rows, Order::longest) == "b a c");
  CHECK(names_of(rows, Order::lost) == "a b c");
}

TEST_CASE("rows with equal values do not change places when the list does") {
  ListScene one, other;
  one.lock("a").held_by(1, kSecond).lock("b").held_by(2, kSecond);
  other.lock("b").held_by(2, kSecond).lock("a").held_by(1, kSecond);
  other.list->locks[0].id = 2;
  other.list->locks[1].id = 1;
  CHECK(names_of(rows_of(*one.list), Order::held) == "a b");
  CHECK(names_of(rows_of(*other.list), Order::held) == "a b");
}

TEST_CASE("of several readers, the one that waits for nobody keeps the others waiting, else the oldest") {
  ListScene scene;
  scene.lock("a").held_by(1, 9 * kSecond).held_by(2, 2 * kSecond).held_by(3, 3 * kSecond).waited_for_by(4, kSecond);
  scene.lock("b").held_by(5, 9 * kSecond).waited_for_by(1, kSecond);
  const auto rows = rows_of(*scene.list);
  CHECK(rows[0].holder()->tid == 3);
  CHECK_FALSE(rows[0].parent);
  CHECK(names_of(rows, Order::roots) == "b a");  // by what was lost, and then by how long they have been held
}

TEST_CASE("locks in a circle are roots, those behind them are not") {
  ListScene scene;
  scene.lock("a").held_by(1, 9 * kSecond).waited_for_by(2, 4 * kSecond);
  scene.lock("b").held_by(2, 9 * kSecond).waited_for_by(1, 4 * kSecond).waited_for_by(3, 2 * kSecond);
  scene.lock("c").held_by(3, 3 * kSecond).waited_for_by(4, kSecond);
  const auto rows = rows_of(*scene.list);
  CHECK(rows[0].in_circle);
  CHECK(rows[1].in_circle);
  CHECK_FALSE(rows[2].in_circle);
  CHECK(names_of(rows, Order::roots) == "b >c a");
  CHECK(rows[1].behind == 1);
}

TEST_CASE("a proven deadlock comes before all else, a circle that nobody has proven does not") {
  ListScene scene;
  scene.lock("busy").held_by(9, 9 * kSecond).waited_for_by(8, 8 * kSecond);
  scene.lock("a").held_by(1, kSecond).waited_for_by(2, kSecond);
  scene.lock("b").held_by(2, kSecond).waited_for_by(1, kSecond);
  CHECK(names_of(rows_of(*scene.list), Order::roots) == "busy a b");
  scene.list->locks[1].in_deadlock = scene.list->locks[2].in_deadlock = true;
  CHECK(names_of(rows_of(*scene.list), Order::roots) == "a b busy");
  CHECK(totals_of(*scene.list, rows_of(*scene.list)).deadlocked == 2);
}

TEST_CASE("a holder in another process is none of the threads that wait here") {
  ListScene scene;
  scene.lock("a").held_by(1, 9 * kSecond).waited_for_by(2, kSecond);
  scene.lock("b").held_by(2, 9 * kSecond);
  CHECK(names_of(rows_of(*scene.list), Order::roots) == "a >b");
  scene.last_hold().acquired = Acquired::elsewhere;
  CHECK(names_of(rows_of(*scene.list), Order::roots) == "a b");
}

TEST_CASE("waiters that did not fit into the list count") {
  ListScene scene;
  scene.lock("a").held_by(1, 9 * kSecond).waited_for_by(2, kSecond);
  scene.last().waits_left_out = 7;
  const auto rows = rows_of(*scene.list);
  CHECK(rows[0].waiting == 8);
  CHECK(totals_of(*scene.list, rows).waiting == 8);
}

TEST_CASE("a lock that nobody is known to hold has a row too") {
  ListScene scene;
  scene.lock("a").waited_for_by(2, 3 * kSecond);
  const auto rows = rows_of(*scene.list);
  CHECK(rows[0].holder() == nullptr);
  CHECK(rows[0].lost_ns == 3 * kSecond);
  CHECK_FALSE(rows[0].is_over_limit());
}

TEST_CASE("over the limit is what has a limit and is older") {
  ListScene scene;
  scene.lock("a").held_by(1, kSecond);
  scene.lock("b").held_by(2, kSecond - 1);
  scene.lock("c").held_by(3, 9 * kSecond);
  scene.last_hold().limit_ns = 0;
  const auto totals = totals_of(*scene.list, rows_of(*scene.list));
  CHECK(totals.over_limit == 1);
  CHECK(totals.limit_ns == kSecond);
}

TEST_CASE("a chain of all the locks that fit") {
  ListScene scene;
  for (int i = 0; i < static_cast<int>(kMaxListedLocks); ++i)
    scene.lock("l").held_by(i + 1, kSecond).waited_for_by(i, kSecond);
  const auto rows = rows_of(*scene.list);
  CHECK(places_of(rows, Order::roots).size() == kMaxListedLocks);
  CHECK(rows[kMaxListedLocks - 1].behind == kMaxListedLocks - 1);
}

}  // namespace
}  // namespace holdwatch::top
