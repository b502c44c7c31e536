#include "shim/watch/episode_reports.h"

#include "shim/record/view_walk.h"
#include "tests/unit/episode_scene.h"

namespace holdwatch {
namespace {

// --- how often a hold or wait is reported ---

TEST_CASE_METHOD(EpisodeScene,
                 "a hold is reported over its limit, again at twice and four times that, and when it is released") {
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  CHECK(take_reports() == Reports{{Event::hold, Phase::over}});
  follow();
  CHECK(take_reports().empty());
  follow_at(2 * kHour + kHour / 2);
  CHECK(take_reports() == Reports{{Event::hold, Phase::still}});
  follow_at(3 * kHour + kHour / 2);
  CHECK(take_reports().empty());
  follow_at(4 * kHour + kHour / 2);
  CHECK(take_reports() == Reports{{Event::hold, Phase::still}});
  release();
  follow();
  CHECK(take_reports() == Reports{{Event::hold, Phase::released}});
  CHECK(keeper->episodes().active() == 0);
}

TEST_CASE_METHOD(EpisodeScene, "without REPEAT, only the beginning and the end of a hold are reported") {
  settings.repeat = false;
  start();
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  follow_at(4 * kHour + kHour / 2);
  release();
  follow();
  CHECK(take_reports() == Reports{{Event::hold, Phase::over}, {Event::hold, Phase::released}});
}

TEST_CASE_METHOD(WaitScene, "a wait is reported over its limit, again at twice that, and when it is over") {
  hold(3 * kHour);
  HeldSlot& waits = wait(kHour + kHour / 2);
  REQUIRE(begin_wait_episode());
  ReportRequest* const request = report_queue().oldest();
  REQUIRE(request != nullptr);
  CHECK(request->state.holder_count == 1);
  CHECK(request->state.waiter_count == 1);
  CHECK(take_reports() == Reports{{Event::wait, Phase::over}});
  follow();
  CHECK(take_reports().empty());
  waits.since_ns.store(ago(2 * kHour + kHour / 2));
  follow();
  CHECK(take_reports() == Reports{{Event::wait, Phase::still}});
  stop_waiting();
  follow();
  CHECK(take_reports() == Reports{{Event::wait, Phase::released}});
}

TEST_CASE("a hold is not reported again while it is part of a deadlock") {
  CHECK(with_deadlock([](DeadlockEpisodes& test) {
          test.deadlock(kHour + kHour / 2);
          if (!test.begin_hold_of(0)) return 1;
          test.keeper->begin_cycles(*test.timing);
          // A deadlock goes first.
          if (take_reports() != Reports{{Event::deadlock, Phase::over}, {Event::hold, Phase::over}}) return 2;
          test.set_ages(2 * kHour);
          test.follow();
          // The deadlock's own age is that of its oldest hold as it was when it began.
          return take_reports().empty() ? 0 : 3;
        }) == 0);
}

// --- holds that have ended before the watcher saw them over their limit ---

TEST_CASE_METHOD(EpisodeScene, "an ended hold below its limit is not reported, and its entry is free again") {
  const uint64_t lost = ended_holds_lost();
  for (int i = 0; i < 100; ++i) {
    hold(kHour / 2);
    release();
    follow();
  }
  CHECK(take_reports().empty());
  CHECK(ended_holds_lost() == lost);
}

TEST_CASE_METHOD(EpisodeScene, "with ONLY=contended, a hold that has ended unseen is not reported") {
  settings.only = Only::contended;
  start();
  hold(kHour + kHour / 2);
  release();
  follow();
  CHECK(take_reports().empty());
}

TEST_CASE_METHOD(EpisodeScene, "a late report for which the queue has no room is counted") {
  const uint64_t lost = ended_holds_lost();
  fill_queue();
  hold(kHour + kHour / 2);
  release();
  follow();
  CHECK(ended_holds_lost() == lost + 1);
}

// Holds end while there is room only to say which, and when.
struct BriefEnds : EpisodeScene {
  const uint64_t lost = ended_holds_lost();
  std::vector<EndedHold*> room;

  BriefEnds() {
    do {
      hold(0);
      release();
      room.push_back(take_ended_hold());
    } while (room.back() != nullptr);
    room.pop_back();
    drop_ended_holds();
  }
  ~BriefEnds() {
    for (EndedHold* entry : room) free_ended_hold(entry);
  }
  uint64_t counted() const { return ended_holds_lost() - lost; }
  // The watch has seen it wait for a hold that was reported.
  void put_behind_reported() {
    BehindHold behind{};
    for_each_hold(UINT64_MAX, [&](const HoldView& view) {
      if (view.word.is_same_lock(word)) behind.identity = view.identity;
    });
    behind.counted_until_ns = timing->now_ns();
    behind.is_behind = behind.root_has_report = true;
    REQUIRE(keeper->behind_holds().add(behind) != nullptr);
  }
};

TEST_CASE_METHOD(BriefEnds, "a hold over its limit that ended without room for a report is counted, others are not") {
  hold(kHour / 2);
  release();
  follow();
  CHECK(counted() == 0);
  hold(kHour + kHour / 2);
  release();
  follow();
  CHECK(counted() == 1);
  CHECK(take_reports().empty());
}

TEST_CASE_METHOD(BriefEnds, "with ONLY=contended, one that ended without room is not counted either") {
  settings.only = Only::contended;
  start();
  hold(kHour + kHour / 2);
  release();
  follow();
  CHECK(counted() == 0);
}

TEST_CASE_METHOD(BriefEnds, "one that another report explains is not counted") {
  hold(kHour + kHour / 2);
  put_behind_reported();
  release();
  keeper->take_ended_holds(*timing);
  CHECK(counted() == 0);
  CHECK(keeper->behind_holds().count() == 0);
  CHECK(keeper->behind_holds().waits.until_ns(word) != 0);
}

TEST_CASE_METHOD(BriefEnds, "one that was reported is not counted, and its report is closed") {
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  release();
  follow();
  CHECK(counted() == 0);
  CHECK(take_reports() == Reports{{Event::hold, Phase::over}, {Event::hold, Phase::released}});
}

// --- a reporter that is too far behind ---

TEST_CASE_METHOD(
    EpisodeScene,
    "a first report for which the queue had no room is posted at the next scan, and so is a closing report") {
  fill_queue();
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  empty_queue();
  follow();
  CHECK(take_reports() == Reports{{Event::hold, Phase::over}});
  fill_queue();
  release();
  follow();
  CHECK(keeper->episodes().active() == 1);
  empty_queue();
  follow();
  CHECK(take_reports() == Reports{{Event::hold, Phase::released}});
  CHECK(keeper->episodes().active() == 0);
}

TEST_CASE_METHOD(EpisodeScene, "a hold without a first report has a closing report if it was handed over") {
  fill_queue();
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  empty_queue();
  release();
  follow();
  CHECK(take_reports() == Reports{{Event::hold, Phase::released}});
}

TEST_CASE_METHOD(EpisodeScene, "a hold without a first report that was not handed over ends without a report") {
  fill_queue();
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  empty_queue();
  release_without_handing_over();
  follow();
  CHECK(take_reports().empty());
  CHECK(keeper->episodes().active() == 0);
}

}  // namespace
}  // namespace holdwatch
