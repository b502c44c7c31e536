// The rules of shim/watch/passing_holds.h. Ages are set by hand.
#include "shim/watch/passing_holds.h"

#include <memory>

#include "shim/base/clock.h"
#include "tests/catch.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

struct Passing {
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  std::unique_ptr<Episodes> episodes = std::make_unique<Episodes>();
  std::unique_ptr<PassingHolds> passing = std::make_unique<PassingHolds>();
  std::unique_ptr<PassedHolds> passed = std::make_unique<PassedHolds>();
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  LockWord to_write{&rwlock, LockKind::rwlock, Access::exclusive}, to_read{&rwlock, LockKind::rwlock, Access::shared};
  RecordedThread waiter, one, other;
  HeldSlot* wait = nullptr;
  WaitView view{};

  // The limit is two seconds, and a wait is looked at from one second on.
  Passing() {
    Settings settings{};
    settings.wait_limit_ns = 2 * kSecond;
    timing->start(settings);
    timing->advance();
  }
  ~Passing() {
    for (RecordedThread* thread : {&waiter, &one, &other}) thread->record().clear();
    stop_tick();
  }

  uint64_t ago(uint64_t age_ns) const { return (timing->now_ns() - age_ns) | kExact; }
  void begin(uint64_t age_ns) { wait = begin_wait(waiter.record(), to_write, {0x401000, 0, 0}, ago(age_ns)); }
  void take(RecordedThread& thread, uint64_t age_ns, uintptr_t pc = 0x402000) {
    const TickAt tick(ago(age_ns));
    hold(thread.record(), to_read, {pc, 0, 0});
    thread.record().find(to_read.address())->since_ns.store(ago(age_ns));
  }
  void release(RecordedThread& thread) { thread.record().drop(*thread.record().find(to_read.address())); }
  // As if it were time for it.
  void look() {
    timing->advance();
    for (uint64_t due = passing->next_look_ns(); timing->now_ns() < due && due != UINT64_MAX;) timing->advance();
    passing->look(*timing, *episodes);
  }
  uint64_t holds() {
    passed->clear();
    if (view_wait(waiter.index(), &view)) passing->describe(view, *timing, passed.get());
    return passed->holds;
  }
};

TEST_CASE("a hold that begins while a thread waits has passed it by, once, however often it is seen") {
  Passing test;
  test.begin(kSecond * 3 / 2);
  test.take(test.one, kSecond / 2);
  for (int i = 0; i < 3; ++i) test.look();
  CHECK(test.holds() == 1);
  CHECK(test.passed->reads == 1);
  CHECK(test.passed->writes);
  CHECK(test.passed->tid == test.waiter.tid());
  test.release(test.one);
  test.take(test.one, kSecond / 4);
  test.look();
  CHECK(test.holds() == 2);
}

TEST_CASE("a hold from before the wait has not passed by, nor one of a thread that waits for too short a time") {
  Passing test;
  test.begin(kSecond * 3 / 2);
  test.take(test.one, 2 * kSecond);
  test.look();
  CHECK(test.holds() == 0);
  test.waiter.record().clear();
  test.begin(kSecond / 2);
  test.take(test.other, kSecond / 4);
  test.look();
  CHECK(test.holds() == 0);
}

TEST_CASE("another level of a hold is none of its own") {
  Passing test;
  test.begin(kSecond * 3 / 2);
  test.take(test.one, 2 * kSecond);
  pthread_rwlock_rdlock(&test.rwlock);
  pthread_rwlock_rdlock(&test.rwlock);
  {
    const TickAt tick(test.ago(kSecond / 4));
    hold(test.one.record(), test.to_read, {0x403000, 0, 0});
  }
  test.look();
  CHECK(test.holds() == 0);
}

TEST_CASE("what begins once the thread waits no more has not passed it by") {
  Passing test;
  test.begin(kSecond * 3 / 2);
  test.take(test.one, kSecond / 2);
  test.look();
  test.waiter.record().clear();
  test.take(test.other, 0);
  const std::unique_ptr<PassingHolds> before = std::make_unique<PassingHolds>(*test.passing);
  test.look();
  test.passed->clear();
  before->describe_ended(test.to_write, test.passed.get());
  CHECK(test.passed->holds == 1);
  CHECK(test.passed->tid == test.waiter.tid());
  test.passed->clear();
  test.passing->describe_ended(test.to_write, test.passed.get());
  CHECK(test.passed->holds == 0);  // there is no report of the wait
}

TEST_CASE("holds are counted by place and by thread") {
  Passing test;
  test.begin(kSecond * 3 / 2);
  for (int i = 0; i < 3; ++i) {
    test.take(test.one, kSecond / 2, 0x402000);
    test.take(test.other, kSecond / 2, i == 0 ? 0x402000 : 0x403000);
    test.look();
    test.release(test.one);
    test.release(test.other);
  }
  REQUIRE(test.holds() == 6);
  REQUIRE(test.passed->place_count == 2);
  CHECK(test.passed->places[0].sites[0].pc == 0x402000);
  CHECK(test.passed->places[1].sites[0].pc == 0x403000);
  REQUIRE(test.passed->passer_count == 3);
  CHECK(test.passed->passers[0].holds == 3);
}

TEST_CASE("without a limit for waits nothing is looked at") {
  Passing test;
  Settings settings{};
  settings.limit_ns = kSecond;
  test.timing->start(settings);
  test.begin(kSecond * 3 / 2);
  test.take(test.one, kSecond / 2);
  test.passing->look(*test.timing, *test.episodes);
  CHECK(test.holds() == 0);
  CHECK(test.passing->next_look_ns() == UINT64_MAX);
}

}  // namespace
}  // namespace holdwatch
