// The rules of shim/inspection/pollers.h.
#include "shim/inspection/pollers.h"

#include <memory>
#include <thread>

#include "tests/catch.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// The limit is a millisecond, so that a thread has gone away soon.
struct Polling {
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  RecordedThread poller;
  const LockWord lock{reinterpret_cast<const void*>(0x1000), LockKind::mutex, Access::exclusive};
  WaitView seen{};

  explicit Polling(uint64_t limit_ns) {
    Settings settings{};
    settings.limit_ns = settings.read_limit_ns = settings.wait_limit_ns = limit_ns;
    timing->start(settings);
    timing->advance();
    forget_pollers();
  }
  ~Polling() {
    forget_pollers();
    stop_tick();
  }
  void try_in_vain(int times) {
    for (int i = 0; i < times; ++i) note_failed_try(poller.record(), lock, {0x401000, 0, 0}, 0);
  }
  // How many threads poll.
  size_t look() {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // longer than looks have to be apart
    timing->advance();
    look_for_pollers(*timing);
    size_t count = 0;
    for_each_poller([&](const WaitView& view) {
      if (view.tid == poller.tid()) seen = view, ++count;
    });
    return count;
  }
};

TEST_CASE("a thread polls if it is seen to try again") {
  Polling test(100 * kSecond);
  CHECK(test.look() == 0);
  test.try_in_vain(5);
  CHECK(test.look() == 0);
  test.try_in_vain(1);
  CHECK(test.look() == 1);
  CHECK(test.seen.tries == 6);
  CHECK(test.seen.word == test.lock);
}

TEST_CASE("a thread that has gone away does not poll") {
  Polling test(1'000'000);
  test.try_in_vain(5);
  test.look();
  test.try_in_vain(5);
  test.look();
  for (int i = 0; i < 5; ++i) test.look();
  CHECK(test.look() == 0);
}

TEST_CASE("one that has got a lock meanwhile begins anew") {
  Polling test(100 * kSecond);
  test.try_in_vain(5);
  test.look();
  test.try_in_vain(5);
  CHECK(test.look() == 1);
  hold(test.poller.record(), test.lock, {0x401000, 0, 0});
  drop(test.poller.record(), test.lock.address());
  test.try_in_vain(5);
  CHECK(test.look() == 0);
}

TEST_CASE("the wait of a thread that polls is not longer than until its latest try that was seen") {
  Polling test(100 * kSecond);
  test.try_in_vain(5);
  test.look();
  test.try_in_vain(5);
  REQUIRE(test.look() == 1);
  const uint64_t age_ns = test.timing->age_of(test.seen);
  REQUIRE(test.look() == 1);
  CHECK(test.timing->age_of(test.seen) <= age_ns + 1000);
}

}  // namespace
}  // namespace holdwatch
