#include "shim/watch/post_request.h"

#include <cstring>
#include <memory>

#include "shim/base/clock.h"
#include "shim/fallback/fallback_reporter.h"
#include "shim/handoff/report_request.h"
#include "tests/catch.h"
#include "tests/unit/in_child.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// Episodes are posted to the reporter's queue, which no reporter takes them from.
struct PostRequestTest {
  RecordedThread thread;
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  std::unique_ptr<Episode> episode = std::make_unique<Episode>();
  std::unique_ptr<LockState> state = std::make_unique<LockState>();
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  LockWord word{&mutex, LockKind::mutex, Access::exclusive};
  Settings settings{};
  FallbackReporter fallback_reporter;

  PostRequestTest() {
    while (EndedHold* entry = take_ended_hold()) free_ended_hold(entry);
    settings.limit_ns = settings.read_limit_ns = settings.wait_limit_ns = kSecond;
    settings.rate = 60;
    std::strcpy(settings.log, "stderr");
    timing->start(settings);
    timing->advance();
    fallback_reporter.start(settings);
    REQUIRE(report_queue().start());
    report_queue().reset();
    episode->event = Event::hold;
    episode->number = 7;
    episode->lock = word;
    episode->limit_ns = kSecond;
    tag_locks(*episode);
    state->lock = word;
  }
  ~PostRequestTest() {
    report_queue().reset();
    stop_tick();
  }

  void add_holder(int tid, uint64_t age_ns) {
    HolderState& holder = state->holders[state->holder_count++];
    holder.hold.identity = {thread.index(), 0, 0};
    holder.hold.word = word;
    holder.hold.tid = tid;
    holder.hold.since_ns = (timing->now_ns() - age_ns) | kExact;
    // As the watcher notes them at each look.
    episode->started_ns[episode->holder_count] = timing->started_ns(holder.hold);
    episode->holders[episode->holder_count++] = holder;
  }
  void add_waiter(int tid, uint64_t age_ns) {
    WaitView& wait = state->waiters[state->waiter_count++];
    wait.word = word;
    wait.tid = tid;
    wait.since_ns = (timing->now_ns() - age_ns) | kExact;
  }
  bool post(Phase phase) { return holdwatch::post(*episode, phase, *state, *timing); }
  // Fills the queue; the number of what found room.
  int fill_queue() {
    int posted = 0;
    while (post(Phase::over)) ++posted;
    return posted;
  }
  // As a look after so long does.
  void let_wait(uint64_t time_ns) { fallback_reporter.report_for_stuck_reporter(timing->now_ns() + time_ns); }
};

TEST_CASE_METHOD(PostRequestTest, "a hold that lasts is posted with its holders and waiters, each with its age") {
  add_holder(11, 3 * kSecond);
  add_waiter(12, 2 * kSecond);
  add_waiter(13, kSecond);
  REQUIRE(post(Phase::over));
  const ReportRequest* request = report_queue().oldest();
  REQUIRE(request != nullptr);
  CHECK(request->event == Event::hold);
  CHECK(request->phase == Phase::over);
  CHECK(request->episode == 7);
  CHECK(request->limit_ns == kSecond);
  CHECK(request->tags[0].id == episode->tags[0].id);
  CHECK_FALSE(request->first_line_written.load());
  CHECK(request->ended == nullptr);
  REQUIRE(request->state.holder_count == 1);
  CHECK(request->state.holders[0].hold.tid == 11);
  // An exact stamp may have been read up to so long before it was published.
  CHECK(request->held_ns[0] <= 3 * kSecond);
  CHECK(request->held_ns[0] >= 3 * kSecond - 2 * kPublishedWithinNs);
  REQUIRE(request->state.waiter_count == 2);
  CHECK(request->waited_ns[0] > request->waited_ns[1]);
  CHECK(request->waited_ns[1] <= kSecond);
}

TEST_CASE_METHOD(PostRequestTest,
                 "a hold that has ended is posted as the episode knew it, to its end, without waiters") {
  add_holder(11, 3 * kSecond);
  add_waiter(12, 2 * kSecond);
  episode->ended_ns = timing->now_ns() - kSecond;
  episode->threads_delayed = 4;
  episode->lost_ns = 5 * kSecond;
  REQUIRE(post(Phase::released));
  const ReportRequest* request = report_queue().oldest();
  REQUIRE(request->state.holder_count == 1);
  CHECK(request->held_ns[0] <= 2 * kSecond);
  CHECK(request->held_ns[0] >= 2 * kSecond - 2 * kPublishedWithinNs);
  CHECK(request->state.waiter_count == 0);
  CHECK(request->threads_delayed == 4);
  CHECK(request->lost_ns == 5 * kSecond);
}

TEST_CASE_METHOD(PostRequestTest, "the time of a closing line is that of the end, not of the look that found it") {
  add_holder(11, 3 * kSecond);
  episode->ended_ns = monotonic_ns() - kSecond;
  const uint64_t before_ns = wall_clock_ns();
  REQUIRE(post(Phase::released));
  const uint64_t posted_wall_clock_ns = report_queue().oldest()->wall_clock_ns;
  CHECK(posted_wall_clock_ns <= wall_clock_ns() - kSecond);
  CHECK(posted_wall_clock_ns + kSecond + kSecond / 2 > before_ns);
  CHECK(report_queue().oldest()->until_ns == episode->ended_ns);
}

TEST_CASE_METHOD(PostRequestTest, "a full queue accepts no request until one is done") {
  add_holder(11, kSecond);
  CHECK(fill_queue() > 1);
  CHECK_FALSE(post(Phase::over));
  report_queue().done(*report_queue().oldest());
  CHECK(post(Phase::over));
  CHECK_FALSE(post(Phase::over));
}

TEST_CASE_METHOD(PostRequestTest, "a request that has waited only briefly is left to the reporter") {
  const Outcome outcome = in_child([&] {
    add_holder(11, kSecond);
    post(Phase::over);
    let_wait(kSecond);
    return report_queue().oldest()->first_line_written.load() ? 1 : 0;
  });
  CHECK(outcome.status == 0);
  CHECK(outcome.text.empty());
}

TEST_CASE_METHOD(PostRequestTest,
                 "a request that has waited too long has its first line written once, and so has each later phase") {
  const Outcome outcome = in_child([&] {
    add_holder(11, kSecond);
    post(Phase::over);
    let_wait(3 * kSecond);
    let_wait(4 * kSecond);
    post(Phase::still);
    let_wait(7 * kSecond);
    return report_queue().oldest()->first_line_written.load() ? 0 : 1;
  });
  CHECK(outcome.status == 0);
  CHECK(outcome.text.find("thread 11 has held mutex L") != std::string::npos);
  CHECK(outcome.text.find("thread 11 has held mutex L") == outcome.text.rfind("thread 11 has held mutex L"));
  CHECK(outcome.text.find(" still held by 11") != std::string::npos);
}

TEST_CASE_METHOD(PostRequestTest,
                 "a request without room in the queue is written at once while the reporter is stuck") {
  const Outcome outcome = in_child([&] {
    add_holder(11, kSecond);
    fill_queue();
    if (post(Phase::over)) return 1;
    let_wait(3 * kSecond);
    state->holders[0].hold.tid = 12;
    return post(Phase::over) ? 0 : 2;
  });
  CHECK(outcome.status == 0);
  CHECK(outcome.text.find("thread 12 has held mutex L") != std::string::npos);
}

TEST_CASE_METHOD(PostRequestTest,
                 "RATE bounds the lines of a stuck reporter, and how many were left out is written later") {
  settings.rate = 2;
  fallback_reporter.start(settings);
  const Outcome outcome = in_child([&] {
    add_holder(11, kSecond);
    for (int i = 0; i < 5; ++i) post(Phase::over);
    let_wait(3 * kSecond);
    post(Phase::over);
    let_wait(100 * kSecond);
    return 0;
  });
  size_t lines = 0;
  for (size_t at = 0; (at = outcome.text.find("has held mutex", at)) != std::string::npos; ++at) ++lines;
  CHECK(lines == 3);
  CHECK(outcome.text.find("3 reports suppressed (RATE=2)") != std::string::npos);
}

TEST_CASE_METHOD(PostRequestTest, "with LOG=none nothing is written for a stuck reporter either") {
  std::strcpy(settings.log, "none");
  fallback_reporter.start(settings);
  const Outcome outcome = in_child([&] {
    add_holder(11, kSecond);
    post(Phase::over);
    let_wait(60 * kSecond);
    return 0;
  });
  CHECK(outcome.text.empty());
}

}  // namespace
}  // namespace holdwatch
