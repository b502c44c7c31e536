// The rules of shim/watch/behind_holds.h.
#include "shim/watch/behind_holds.h"

#include <memory>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr uint64_t kLimit = 1000;
constexpr Identity kRoot = {9, 9, 9};

// Taken at time 0; its thread waits since 100.
BehindHold waiting_hold() {
  BehindHold hold{};
  hold.note_behind(kRoot, 100, 1000);
  hold.root_has_report = true;
  return hold;
}

}  // namespace

TEST_CASE("a hold is explained while its thread waits for a reported one") {
  BehindHold hold = waiting_hold();
  CHECK(hold.own_ns == 100);
  CHECK(hold.is_explained(kLimit));
  CHECK(hold.explained_for_ns(kLimit) == 400);
  hold.note_behind(kRoot, 100, 90'000);
  CHECK(hold.own_ns == 100);
  CHECK(hold.is_explained(kLimit));
}

TEST_CASE("not if for half of its limit its thread did not wait") {
  BehindHold hold{};
  hold.note_behind(kRoot, 500, 1000);
  hold.root_has_report = true;
  CHECK_FALSE(hold.is_explained(kLimit));
}

TEST_CASE("afterwards, its thread's own time counts from the first look that finds it free") {
  BehindHold hold = waiting_hold();
  hold.note_free(5000);
  CHECK(hold.own_ns == 100);
  CHECK(hold.is_explained(kLimit));
  hold.note_free(5399);
  CHECK(hold.is_explained(kLimit));
  hold.note_free(5400);
  CHECK_FALSE(hold.is_explained(kLimit));
}

TEST_CASE("the time between two waits is its own") {
  BehindHold hold = waiting_hold();
  hold.note_free(2000);
  hold.note_behind(kRoot, 2300, 4000);
  CHECK(hold.own_ns == 400);
  CHECK(hold.is_explained(kLimit));
}

TEST_CASE("nothing explains it any more once it is free and what it was behind had no report") {
  BehindHold hold = waiting_hold();
  hold.root_has_report = false;
  CHECK(hold.is_explained(kLimit));
  hold.note_free(2000);
  CHECK_FALSE(hold.is_explained(kLimit));
}

TEST_CASE("at its end, the time since its blocker's release is its own; without one, all since the last look") {
  BehindHold released = waiting_hold();
  released.end.released_ns = 9000;
  released.count_until_end(8990);
  CHECK(released.own_ns == 110);
  BehindHold unknown = waiting_hold();
  unknown.end.released_ns = 9000;
  unknown.count_until_end(0);
  CHECK(unknown.own_ns == 8100);
  CHECK_FALSE(unknown.is_explained(kLimit));
}

TEST_CASE("holds are found by their identity, and no longer once they are dropped") {
  const auto holds = std::make_unique<BehindHolds>();
  for (uint32_t i = 0; i < BehindHolds::kMax; ++i) {
    BehindHold hold{};
    hold.identity = {i / 7, i % 7, i};
    REQUIRE(holds->add(hold) != nullptr);
  }
  CHECK(holds->add(BehindHold{}) == nullptr);
  holds->drop([](const BehindHold& hold) { return hold.identity.number % 2 == 0; });
  CHECK(holds->count() == BehindHolds::kMax / 2);
  CHECK(holds->find({0, 2, 2}) == nullptr);
  REQUIRE(holds->find({100, 1, 701}) != nullptr);
  CHECK(holds->find({100, 1, 701})->identity.number == 701);
  CHECK(holds->find({100, 1, 703}) == nullptr);
  holds->clear();
  CHECK(holds->count() == 0);
  CHECK(holds->find({100, 1, 701}) == nullptr);
}
