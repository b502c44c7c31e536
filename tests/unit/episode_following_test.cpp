#include "shim/watch/episode_following.h"

#include "tests/unit/episode_scene.h"

namespace holdwatch {
namespace {

// --- releases that come while the watcher scans ---

// The limit is a nanosecond, and the lock an rwlock that is held for reading.
struct ReleaseDuringScan {
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  std::unique_ptr<EpisodeKeeper> keeper = std::make_unique<EpisodeKeeper>();
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  LockWord word{&lock, LockKind::rwlock, Access::shared};

  ReleaseDuringScan() {
    drop_ended_holds();
    Settings settings{};
    settings.limit_ns = settings.read_limit_ns = settings.wait_limit_ns = 1;
    timing->start(settings);
    timing->advance();
    keeper->start(settings);
    REQUIRE(report_queue().start());
    report_queue().reset();
  }
  ~ReleaseDuringScan() {
    report_queue().reset();
    stop_tick();
  }

  void hold(RecordedThread& thread) {
    thread.run([&] {
      pthread_rwlock_rdlock(&lock);
      holdwatch::hold(thread.record(), word, {0x401000, 0, 0});
    });
    timing->advance();
    std::this_thread::sleep_for(std::chrono::nanoseconds(2 * kPublishedWithinNs));  // it has an age from now on
  }
  void release(RecordedThread& thread) {
    thread.run([&] {
      HeldSlot* slot = thread.record().find(word.address());
      hand_over_slow(thread.record(), LockWord(slot->word.load()), *slot, *slot, {0x402000, 0, 0});
      thread.record().drop(*slot);
      pthread_rwlock_unlock(&lock);
    });
  }
  void begin() {
    timing->advance();
    Candidates candidates;
    candidates.add(word);
    REQUIRE(keeper->begin_hold_episodes(candidates, *timing));
  }
  // A scan in which these releases came after the ended holds were taken: they are still there when it follows the episodes.
  void follow_after_taking() {
    timing->advance();
    keeper->follow_all(*timing);
    keeper->take_ended_holds(*timing);
  }
};

TEST_CASE_METHOD(ReleaseDuringScan, "a hold that is released after the ended holds were taken is reported once") {
  RecordedThread thread;
  hold(thread);
  begin();
  release(thread);
  follow_after_taking();
  const EndedHold* ended = nullptr;
  report_queue().for_each_posted([&](const ReportRequest& request) { ended = request.ended; });
  REQUIRE(ended != nullptr);
  CHECK(ended->caller.pc == 0x402000);
  CHECK(take_reports() == Reports{{Event::hold, Phase::over}, {Event::hold, Phase::released}});
}

TEST_CASE_METHOD(ReleaseDuringScan,
                 "one of two holds that is released after the ended holds were taken is not reported late") {
  RecordedThread first;
  RecordedThread second;
  hold(first);
  hold(second);
  begin();
  release(first);
  follow_after_taking();
  CHECK(take_reports() == Reports{{Event::hold, Phase::over}});
  release(second);
  follow_after_taking();
  CHECK(take_reports() == Reports{{Event::hold, Phase::released}});
}

// --- ended holds ---

TEST_CASE_METHOD(EpisodeScene, "an ended hold goes to the episode that it belongs to, and into its closing report") {
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  take_reports();
  release();
  keeper->take_ended_holds(*timing);
  CHECK(report_queue().oldest() == nullptr);
  follow();
  const ReportRequest* const request = report_queue().oldest();
  REQUIRE(request != nullptr);
  REQUIRE(request->ended != nullptr);
  CHECK(request->ended->caller.pc == 0x402000);
  CHECK(request->state.holder_count == 1);  // as it was last seen
  CHECK(take_reports() == Reports{{Event::hold, Phase::released}});
  CHECK(keeper->episodes().active() == 0);
}

TEST_CASE_METHOD(EpisodeScene, "an ended hold that belongs to no episode is reported late if it was over its limit") {
  hold(kHour + kHour / 2);
  release();
  follow();
  CHECK(take_reports() == Reports{{Event::hold, Phase::late}});
}

// --- what an episode is about changes ---

TEST_CASE_METHOD(AbandonedScene, "a hold whose thread exits is reported at once, as abandoned, and not again") {
  hold_by_leaving(kHour + kHour / 2);
  REQUIRE(begin_hold());
  exit();
  follow();
  CHECK(take_reports() == Reports{{Event::hold, Phase::over}, {Event::abandoned, Phase::still}});
  follow();
  CHECK(take_reports().empty());
}

TEST_CASE_METHOD(WaitScene, "a wait's episode ends when its thread stops waiting, and knows who held the lock") {
  hold(3 * kHour);
  wait(kHour + kHour / 2);
  REQUIRE(begin_wait_episode());
  take_reports();
  stop_waiting();
  follow();
  REQUIRE(report_queue().oldest() != nullptr);
  CHECK(report_queue().oldest()->state.holder_count == 1);  // as it was last seen held
  CHECK(take_reports() == Reports{{Event::wait, Phase::released}});
}

TEST_CASE_METHOD(WaitScene, "a thread that begins a condition wait no longer waits for the mutex") {
  wait(kHour + kHour / 2);
  REQUIRE(begin_wait_episode());
  stop_waiting();
  begin_wait(waiter.record(), word.with_condition(), {0x401000, 0, 0}, ago(kHour + kHour / 2));
  follow();
  CHECK(take_reports() == Reports{{Event::wait, Phase::over}, {Event::wait, Phase::released}});
}

// --- waiting time ---

TEST_CASE_METHOD(EpisodeScene,
                 "a thread that waits during an episode counts as delayed, with the time that it has waited") {
  hold(3 * kHour);
  wait(2 * kHour);
  REQUIRE(begin_hold());
  take_reports();
  release();
  stop_waiting();
  follow();
  const ReportRequest* const request = report_queue().oldest();
  REQUIRE(request != nullptr);
  CHECK(request->phase == Phase::released);
  CHECK(request->threads_delayed == 1);
  CHECK(request->lost_ns >= kHour);
  take_reports();
}

// --- how often ---

TEST_CASE_METHOD(EpisodeScene, "episodes are followed at intervals, and one whose hold has ended at once") {
  settings.read_limit_ns = kHour;
  start();
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  CHECK(keeper->follow_all(*timing));
  CHECK(keeper->has_followed_all());
  set_age(2 * kHour + kHour / 2);
  CHECK(keeper->follow_all(*timing));  // no time has passed
  CHECK_FALSE(keeper->has_followed_all());
  CHECK(take_reports() == Reports{{Event::hold, Phase::over}});
  release();
  keeper->take_ended_holds(*timing);
  CHECK_FALSE(keeper->follow_all(*timing));  // one is over
  CHECK_FALSE(keeper->has_followed_all());
  CHECK(take_reports() == Reports{{Event::hold, Phase::released}});
}

TEST_CASE_METHOD(EpisodeScene,
                 "an episode whose closing report had no room is followed at the next scan, not at the next interval") {
  settings.read_limit_ns = kHour;
  start();
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  fill_queue();
  release_without_handing_over();
  CHECK(keeper->follow_all(*timing));
  CHECK(keeper->has_followed_all());
  empty_queue();
  CHECK_FALSE(keeper->follow_all(*timing));
  CHECK_FALSE(keeper->has_followed_all());
  CHECK(take_reports() == Reports{{Event::hold, Phase::released}});
}

TEST_CASE_METHOD(EpisodeScene, "after a reset, episodes are followed at once") {
  settings.read_limit_ns = kHour;
  start();
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  keeper->follow_all(*timing);
  REQUIRE(keeper->has_followed_all());
  keeper->reset();
  REQUIRE(begin_hold());
  keeper->follow_all(*timing);
  CHECK(keeper->has_followed_all());
  take_reports();
}

// --- deadlocks ---

TEST_CASE("a deadlock is over when one of its waits is") {
  CHECK(with_deadlock([](DeadlockEpisodes& test) {
          test.deadlock(0);
          test.keeper->begin_cycles(*test.timing);
          test.follow();
          if (take_reports() != Reports{{Event::deadlock, Phase::over}}) return 1;
          test.scene.threads[1].record().clear();
          test.follow();
          return take_reports() == Reports{{Event::deadlock, Phase::released}} ? 0 : 2;
        }) == 0);
}

TEST_CASE("the end of a deadlock is reported before the end of a hold in it") {
  CHECK(with_deadlock([](DeadlockEpisodes& test) {
          test.deadlock(kHour + kHour / 2);
          if (!test.begin_hold_of(0)) return 1;
          test.keeper->begin_cycles(*test.timing);
          take_reports();
          OwnerRecord& record = test.scene.threads[0].record();
          HeldSlot& slot = test.slot_of(0);
          hand_over_slow(record, test.scene.word(0), slot, slot, {0x402000, 0, 0});
          record.clear();
          test.follow();
          return take_reports() == Reports{{Event::deadlock, Phase::released}, {Event::hold, Phase::released}} ? 0 : 2;
        }) == 0);
}

}  // namespace
}  // namespace holdwatch
