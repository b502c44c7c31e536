#include "shim/timing/tick_history.h"

#include <memory>

#include "tests/catch.h"

namespace holdwatch {
namespace {

constexpr uint64_t kKept = 512;

// A history is 24 KiB.
std::unique_ptr<TickHistory> history_of(uint64_t ticks) {
  auto history = std::make_unique<TickHistory>();
  for (uint64_t i = 1; i <= ticks; ++i) history->add(i * 100);
  return history;
}

TEST_CASE("a tick can have been read until the next one was published") {
  const auto history = history_of(5);
  CHECK(history->latest_ns(100) == 200);
  CHECK(history->latest_ns(300) == 400);
}

TEST_CASE("the newest tick is the latest moment known: what read it is of no age yet") {
  CHECK(history_of(5)->latest_ns(500) == 500);
  CHECK(history_of(1)->latest_ns(100) == 100);
}

TEST_CASE("a hold from before the watch counts from the beginning of the watch") {
  const auto history = history_of(5);
  CHECK(history->latest_ns(0) == 100);
  CHECK(history->first_ns() == 100);
}

TEST_CASE("an exact stamp is its own latest moment but for the two bits that it lacks, whatever ticks there are") {
  const auto history = history_of(5);
  CHECK(history->latest_ns(248 | kExact) == (248 | kStampBits));
  CHECK(history->latest_ns(1000 | kExact) == (1000 | kStampBits));
}

TEST_CASE("a tick that requests exact stamps still dates the calls that did not take one") {
  CHECK(history_of(5)->latest_ns(300 | kCallsAreFew) == 400);
}

TEST_CASE("a tick between two others counts from the later one") {
  CHECK(history_of(5)->latest_ns(252) == 300);
}

TEST_CASE("each tick that is kept is found, also when the ring has gone round") {
  const uint64_t ticks = GENERATE(as<uint64_t>(), 2, 3, 1000, kKept - 1, kKept, kKept + 1, 3 * kKept + 17);
  const auto history = history_of(ticks);
  const uint64_t oldest = ticks > kKept ? ticks - kKept + 1 : 1;
  bool all_found = true;
  for (uint64_t i = oldest; i < ticks; ++i) all_found &= history->latest_ns(i * 100) == (i + 1) * 100;
  CHECK(all_found);
  CHECK(history->latest_ns(ticks * 100) == ticks * 100);
}

TEST_CASE("fewer of the older ticks are kept: an age is never too long, and too short by less than a sixty-fourth") {
  const uint64_t ticks = GENERATE(as<uint64_t>(), kKept + 100, 10 * kKept + 3, 300'000);
  const auto history = history_of(ticks);
  bool never_too_long = true;
  bool close_enough = true;
  for (uint64_t i = 1; i < ticks; i += 1 + ticks / 10'000) {
    const uint64_t latest_ns = history->latest_ns(i * 100);
    never_too_long &= latest_ns >= (i + 1) * 100;
    close_enough &= (latest_ns - (i + 1) * 100) * 64 <= (ticks - i) * 100;
  }
  CHECK(never_too_long);
  CHECK(close_enough);
  CHECK(history->latest_ns(0) == 100);
}

TEST_CASE("a history without ticks, new or cleared, takes a tick for the moment itself") {
  CHECK(TickHistory().latest_ns(76) == 76);
  const auto history = history_of(5);
  history->clear();
  CHECK(history->latest_ns(76) == 76);
  history->add(900);
  CHECK(history->latest_ns(0) == 900);
}

}  // namespace
}  // namespace holdwatch
