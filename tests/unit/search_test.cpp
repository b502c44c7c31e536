#include "shim/watch/search.h"

#include <pthread.h>

#include <catch2/catch.hpp>
#include <deque>
#include <memory>

#include "shim/base/pulse.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr uint64_t kHour = 3600'000'000'000;

// A search whose limits are an hour or a nanosecond, so that nothing depends on how fast the machine is.
struct SearchTest {
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  std::unique_ptr<Episodes> episodes = std::make_unique<Episodes>();
  Search search;
  Suspects suspects;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  LockWord word{&mutex, LockKind::mutex, Access::exclusive};

  explicit SearchTest(uint64_t limit_ns = 1) {
    Settings settings{};
    settings.limit_ns = settings.read_limit_ns = settings.wait_limit_ns = limit_ns;
    timing->start(settings);
    timing->advance();
  }
  ~SearchTest() { g_pulse.tick_ns.store(0); }

  void hold(RecordedThread& thread) {
    thread.run([&] {
      pthread_mutex_lock(&mutex);
      holdwatch::hold(thread.record(), word, {0x401000, 0, 0});
    });
  }
  void release(RecordedThread& thread) {
    thread.run([&] {
      drop(thread.record(), word.address());
      pthread_mutex_unlock(&mutex);
    });
  }
  HeldSlot& wait(RecordedThread& thread) {
    return *begin_wait(thread.record(), word, {0x401000, 0, 0}, g_pulse.tick_ns.load());
  }
  void look() {
    timing->advance();
    suspects.count = 0;
    search.look_for_holds(*timing, *episodes, suspects);
    search.look_for_waits(*timing, *episodes, suspects);
  }
};

// Where all files' tests run in one process, another has given a lock a limit of its own, which stays.
struct LongLimitTest : SearchTest {
  LongLimitTest() : SearchTest(kHour) {}
  bool applies() const { return timing->smallest_hold_limit_ns() == kHour; }
};

TEST_CASE_METHOD(SearchTest, "a hold over its limit makes its lock a suspect, once") {
  RecordedThread holder;
  RecordedThread waiter;
  hold(holder);
  HeldSlot& waiting = wait(waiter);
  timing->advance();
  look();
  CHECK(suspects.count == 1);
  CHECK(suspects.locks[0].is_lock_at(word.address()));
  CHECK(!search.saw_no_hold());
  waiter.record().drop(waiting);
  release(holder);
}

TEST_CASE_METHOD(SearchTest, "a lock that an episode tells of is no suspect") {
  RecordedThread holder;
  RecordedThread waiter;
  hold(holder);
  HeldSlot& waiting = wait(waiter);
  timing->advance();
  REQUIRE(episodes->begin(Event::hold, word, 1) != nullptr);
  look();
  CHECK(suspects.count == 0);
  waiter.record().drop(waiting);
  release(holder);
}

TEST_CASE_METHOD(LongLimitTest, "what a walk did not see cannot be over before a whole limit has gone by") {
  if (!applies()) return;
  look();
  CHECK(search.next_look_ns() == timing->now_ns() + kHour);
  CHECK(search.saw_no_hold());
}

TEST_CASE_METHOD(LongLimitTest, "what a walk saw is over when its own limit is, and until then no walk is made") {
  if (!applies()) return;
  RecordedThread holder;
  hold(holder);
  timing->advance();
  const uint64_t over_ns = timing->now_ns() + kHour;
  look();
  CHECK(search.next_look_ns() == over_ns);
  CHECK(!search.saw_no_hold());
  release(holder);
  look();
  CHECK(!search.saw_no_hold());
  search.look_again();
  look();
  CHECK(search.saw_no_hold());
}

TEST_CASE_METHOD(SearchTest, "a hold that another thread has ended is no suspect, and is not looked at again") {
  RecordedThread holder;
  hold(holder);
  pthread_mutex_unlock(&mutex);
  timing->advance();
  look();
  CHECK(suspects.count == 0);
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
  CHECK(suspects.count == 0);
  episodes->end(*episodes->find_hold(reinterpret_cast<uintptr_t>(&locks[7])));
  look();
  CHECK(suspects.count == 1);
  release(holder);
}

}  // namespace
}  // namespace holdwatch
