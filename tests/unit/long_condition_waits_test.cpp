// When condition waits are handed to the reporter (shim/watch/condition_waits.h).
#include "shim/watch/condition_waits.h"

#include <memory>

#include "shim/handoff/report_request.h"
#include "shim/handoff/wanted_reports.h"
#include "tests/catch.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr uint64_t kHour = 3600'000'000'000;

// Threads that wait in their records, and nowhere else. A limit is a nanosecond or an hour.
struct ConditionWaitsTest {
  RecordedThread first, second;
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  std::unique_ptr<ConditionWaits> waits = std::make_unique<ConditionWaits>();
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  uint64_t last_number = 0;
  bool repeats = false;

  ConditionWaitsTest() {
    Settings settings{};
    settings.limit_ns = settings.read_limit_ns = settings.wait_limit_ns = kHour;
    timing->start(settings);
    timing->advance();
    REQUIRE(report_queue().start());
    report_queue().reset();
    want_condition_waits(1);
  }
  ~ConditionWaitsTest() {
    want_condition_waits(0);
    report_queue().reset();
    stop_tick();
  }

  HeldSlot* begin(RecordedThread& thread, bool is_condition = true) {
    const LockWord word(&mutex, LockKind::mutex, Access::exclusive);
    return begin_wait_slow(thread.record(), is_condition ? word.with_condition() : word, {0x401000, 0, 0},
                           g_clock_line.tick_ns.load());
  }
  // What began before has an age by then.
  void look() {
    timing->advance();
    std::this_thread::sleep_for(std::chrono::nanoseconds(2 * kPublishedWithinNs));
    timing->advance();
    waits->look(*timing, repeats, [this] { return ++last_number; });
  }
  // The request that this look has posted, or null.
  const ReportRequest* posted() {
    if (taken_ != nullptr) report_queue().done(*taken_);
    return taken_ = report_queue().oldest();
  }

 private:
  const ReportRequest* taken_ = nullptr;
};

TEST_CASE_METHOD(ConditionWaitsTest, "without a rule, no condition wait is looked at") {
  want_condition_waits(0);
  HeldSlot* const wait = begin(first);
  look();
  CHECK(posted() == nullptr);
  CHECK(waits->next_look_ns() == UINT64_MAX);
  first.record().drop(*wait);
}

TEST_CASE_METHOD(ConditionWaitsTest,
                 "condition waits that pass the limit together are one request, until all have ended") {
  const int own_tid = second.record().tid.exchange(first.tid());  // asleep on the same word
  HeldSlot* const one = begin(first);
  HeldSlot* const other = begin(second);
  look();
  const ReportRequest* request = posted();
  REQUIRE(request != nullptr);
  CHECK(request->event == Event::wait);
  CHECK(request->phase == Phase::over);
  CHECK(request->state.lock == LockWord::condition_waits());
  CHECK(request->state.waiter_count == 2);
  CHECK(request->waited_ns[0] > 0);
  CHECK(request->limit_ns == 1);
  CHECK(request->episode == 1);
  first.record().drop(*one);
  look();
  CHECK(posted() == nullptr);
  second.record().drop(*other);
  look();
  request = posted();
  REQUIRE(request != nullptr);
  CHECK(request->phase == Phase::released);
  CHECK(request->episode == 1);
  CHECK(request->state.waiter_count == 0);
  CHECK(request->lost_ns > 0);
  look();
  CHECK(posted() == nullptr);
  second.record().tid.store(own_tid);
}

TEST_CASE_METHOD(ConditionWaitsTest, "those for different conditions are different requests") {
  HeldSlot* const one = begin(first);
  HeldSlot* const other = begin(second);
  look();
  for (const uint64_t number : {uint64_t{1}, uint64_t{2}}) {
    const ReportRequest* const request = posted();
    REQUIRE(request != nullptr);
    CHECK(request->state.waiter_count == 1);
    CHECK(request->episode == number);
  }
  CHECK(posted() == nullptr);
  first.record().drop(*one);
  second.record().drop(*other);
}

TEST_CASE_METHOD(ConditionWaitsTest, "a wait for a lock, and a young condition wait, are none of them") {
  want_condition_waits(kHour);
  HeldSlot* const young = begin(first);
  HeldSlot* const lock = begin(second, false);
  look();
  CHECK(posted() == nullptr);
  CHECK(waits->next_look_ns() > timing->now_ns());
  CHECK(waits->next_look_ns() <= timing->now_ns() + kHour);
  first.record().drop(*young);
  second.record().drop(*lock);
}

TEST_CASE_METHOD(ConditionWaitsTest, "of what no rule asks for nothing more is heard") {
  HeldSlot* const wait = begin(first);
  look();
  REQUIRE(posted() != nullptr);
  want_report_at(1, kNeverWanted);
  look();
  first.record().drop(*wait);
  look();
  CHECK(posted() == nullptr);
}

TEST_CASE_METHOD(ConditionWaitsTest, "a rule with a larger limit hears of it then, if nothing is repeated too") {
  HeldSlot* const wait = begin(first);
  look();
  REQUIRE(posted() != nullptr);
  look();
  CHECK(posted() == nullptr);
  want_report_at(1, kHour);
  look();
  CHECK(posted() == nullptr);
  want_report_at(1, 1);
  look();
  const ReportRequest* const request = posted();
  REQUIRE(request != nullptr);
  CHECK(request->phase == Phase::still);
  first.record().drop(*wait);
}

TEST_CASE_METHOD(ConditionWaitsTest, "all condition waits are listed") {
  CHECK(report_condition_waits(*timing) == 0);
  CHECK(posted() == nullptr);
  HeldSlot* const wait = begin(first);
  HeldSlot* const lock = begin(second, false);
  CHECK(report_condition_waits(*timing) == 1);
  const ReportRequest* const request = posted();
  REQUIRE(request != nullptr);
  CHECK(request->phase == Phase::snapshot);
  CHECK(request->state.waiter_count == 1);
  first.record().drop(*wait);
  second.record().drop(*lock);
}

}  // namespace
}  // namespace holdwatch
