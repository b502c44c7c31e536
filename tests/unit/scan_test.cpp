#include "shim/watch/scan.h"

#include <pthread.h>

#include <deque>
#include <memory>

#include "shim/base/clock_line.h"
#include "shim/record/view_walk.h"
#include "tests/catch.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr uint64_t kHour = 3600'000'000'000;

// A search whose limits are an hour or a nanosecond, so that nothing depends on how fast the machine is.
struct SearchTest {
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  std::unique_ptr<Episodes> episodes = std::make_unique<Episodes>();
  std::unique_ptr<BehindHolds> behind = std::make_unique<BehindHolds>();
  Scan search;
  Candidates candidates;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  LockWord word{&mutex, LockKind::mutex, Access::exclusive};

  explicit SearchTest(uint64_t limit_ns = 1) {
    Settings settings{};
    settings.limit_ns = settings.read_limit_ns = settings.wait_limit_ns = limit_ns;
    timing->start(settings);
    timing->advance();
  }
  ~SearchTest() { stop_tick(); }

  void hold(RecordedThread& thread) {
    thread.run([&] {
      pthread_mutex_lock(&mutex);
      holdwatch::hold(thread.record(), word, {0x401000, 0, 0});
    });
    timing->advance();
    std::this_thread::sleep_for(std::chrono::nanoseconds(2 * kPublishedWithinNs));  // it has an age from now on
  }
  void release(RecordedThread& thread) {
    thread.run([&] {
      drop(thread.record(), word.address());
      pthread_mutex_unlock(&mutex);
    });
  }
  HeldSlot& wait(RecordedThread& thread) {
    return *begin_wait(thread.record(), word, {0x401000, 0, 0}, g_clock_line.tick_ns.load());
  }
  void look(uint64_t until_next_ns = 0) {
    timing->advance();
    candidates.count = 0;
    search.look_for_holds(*timing, *episodes, *behind, candidates, until_next_ns);
    search.look_for_waits(*timing, *episodes, candidates);
  }
};

// Where all files' tests run in one process, another has given a lock a limit of its own, which stays.
struct LongLimitTest : SearchTest {
  LongLimitTest() : SearchTest(kHour) {}
  bool applies() const { return timing->limits().smallest_of_holds_ns() == kHour; }
};

// Of which a tick is the whole.
struct ShortLimitTest : SearchTest {
  static constexpr uint64_t kLimit = 1'000'000;
  ShortLimitTest() : SearchTest(kLimit) {}
  bool applies() const { return timing->limits().smallest_of_holds_ns() == kLimit; }
  // Unless the machine was so slow that the look came later.
  void expect_look_at(uint64_t due_ns) const {
    if (timing->now_ns() < due_ns) CHECK(search.next_look_ns() == due_ns);
  }
};

TEST_CASE_METHOD(SearchTest, "a hold over its limit makes its lock a candidate, once") {
  RecordedThread holder;
  RecordedThread waiter;
  hold(holder);
  HeldSlot& waiting = wait(waiter);
  timing->advance();
  look();
  CHECK(candidates.count == 1);
  CHECK(candidates.locks[0].is_lock_at(word.address()));
  waiter.record().drop(waiting);
  release(holder);
}

TEST_CASE_METHOD(LongLimitTest, "a hold that another report explains is left out, and looked at again in a while") {
  if (!applies()) return;
  RecordedThread holder;
  hold(holder);
  BehindHold explained{};
  for_each_hold(UINT64_MAX, [&](const HoldView& view) {
    if (view.word.is_lock_at(word.address())) explained.identity = view.identity;
  });
  explained.is_behind = true;
  REQUIRE(behind->add(explained) != nullptr);
  Settings settings{};
  settings.limit_ns = settings.read_limit_ns = 2 * kPublishedWithinNs;
  timing->start(settings);
  std::this_thread::sleep_for(std::chrono::nanoseconds(4 * kPublishedWithinNs));
  look();
  CHECK(candidates.count == 0);
  CHECK(search.next_look_ns() <= timing->now_ns() + timing->wake_period_ns());
  behind->clear();
  search.look_again();
  look();
  CHECK(candidates.count == 1);
  release(holder);
}

TEST_CASE_METHOD(SearchTest, "a lock that has an episode is not a candidate") {
  RecordedThread holder;
  RecordedThread waiter;
  hold(holder);
  HeldSlot& waiting = wait(waiter);
  timing->advance();
  REQUIRE(episodes->begin(Event::hold, word, 1) != nullptr);
  look();
  CHECK(candidates.count == 0);
  waiter.record().drop(waiting);
  release(holder);
}

TEST_CASE_METHOD(LongLimitTest,
                 "a hold that a walk has not seen cannot be over its limit before a whole limit has passed") {
  if (!applies()) return;
  look();
  CHECK(search.next_look_ns() == timing->now_ns() + kHour);
}

TEST_CASE_METHOD(LongLimitTest, "the next walk comes a tick before a hold that was seen can be over its limit") {
  if (!applies()) return;
  RecordedThread holder;
  const uint64_t tick_ns = timing->now_ns();
  hold(holder);
  look();
  CHECK(search.next_look_ns() == tick_ns + kHour - timing->wake_period_ns());
  release(holder);
  look();
  CHECK(search.next_look_ns() == tick_ns + kHour - timing->wake_period_ns());
  search.look_again();
  look();
  CHECK(search.next_look_ns() == timing->now_ns() + kHour);
}

TEST_CASE_METHOD(LongLimitTest,
                 "a hold that can be over its limit before the watcher wakes up again is a candidate now") {
  if (!applies()) return;
  RecordedThread holder;
  hold(holder);
  look();
  release(holder);
  const uint64_t due_ns = search.next_look_ns();
  look(kHour / 2);
  CHECK(search.next_look_ns() == due_ns);
  look(kHour);
  CHECK(search.next_look_ns() > due_ns);
}

TEST_CASE_METHOD(
    ShortLimitTest,
    "a hold that is about to be over its limit is examined then: at the next tick, or at its own exact time") {
  if (!applies()) return;
  RecordedThread by_tick, exact;
  hold(by_tick);
  const uint64_t latest_ns = timing->now_ns();
  look();
  expect_look_at(latest_ns + kPublishedWithinNs + kLimit);
  release(by_tick);
  const uint64_t taken_ns = (timing->now_ns() & ~uint64_t{kStampBits}) | kExact;
  const TickAt stamp(taken_ns);
  hold(exact);
  search.look_again();
  look();
  expect_look_at((taken_ns | kStampBits) + kPublishedWithinNs + kLimit);
  release(exact);
}

TEST_CASE_METHOD(SearchTest, "a hold that another thread has ended is no candidate, and is not looked at again") {
  RecordedThread holder;
  hold(holder);
  pthread_mutex_unlock(&mutex);
  timing->advance();
  look();
  CHECK(candidates.count == 0);
  CHECK(search.next_look_ns() != 0);
  CHECK(holder.record().find(word.address()) == nullptr);
}

TEST_CASE_METHOD(SearchTest, "while no more episodes can be followed, nothing is searched") {
  std::deque<pthread_mutex_t> locks(Episodes::kMax);
  for (pthread_mutex_t& lock : locks)
    REQUIRE(episodes->begin(Event::hold, {&lock, LockKind::mutex, Access::exclusive}, 1) != nullptr);
  RecordedThread holder;
  hold(holder);
  timing->advance();
  look();
  CHECK(candidates.count == 0);
  episodes->end(*episodes->find_hold(reinterpret_cast<uintptr_t>(&locks[7])));
  look();
  CHECK(candidates.count == 1);
  release(holder);
}

}  // namespace
}  // namespace holdwatch
