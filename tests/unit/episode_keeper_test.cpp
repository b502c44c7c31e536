#include "shim/watch/episode_keeper.h"

#include <pthread.h>

#include <memory>
#include <vector>

#include "shim/handoff/report_request.h"
#include "shim/record/hand_over.h"
#include "tests/catch.h"
#include "tests/unit/deadlock_scene.h"
#include "tests/unit/in_child.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {
namespace {

// A keeper whose findings go to the reporter's queue, where no reporter takes them. The limit is a nanosecond, so that nothing
// depends on how fast the machine is.
struct KeeperTest {
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  std::unique_ptr<EpisodeKeeper> keeper = std::make_unique<EpisodeKeeper>();
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  LockWord word{&lock, LockKind::rwlock, Access::shared};

  KeeperTest() {
    while (EndedHold* entry = take_ended_hold()) free_ended_hold(entry);
    Settings settings{};
    settings.limit_ns = settings.read_limit_ns = settings.wait_limit_ns = 1;
    timing->start(settings);
    timing->advance();
    keeper->start(settings);
    REQUIRE(report_queue().start());
    report_queue().reset();
  }
  ~KeeperTest() {
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
  // A look whose releases come after it has looked for them.
  void look_too_early() {
    timing->advance();
    keeper->follow_all(*timing);
    keeper->take_ended_holds(*timing);
  }
  std::vector<Phase> told() {
    std::vector<Phase> phases;
    for (; ReportRequest* request = report_queue().oldest(); report_queue().done()) {
      phases.push_back(request->phase);
      if (request->ended != nullptr) free_ended_hold(request->ended);
    }
    return phases;
  }
};

TEST_CASE_METHOD(KeeperTest, "a hold that ends after releases were looked for is told once") {
  RecordedThread thread;
  hold(thread);
  begin();
  release(thread);
  look_too_early();
  CHECK(told() == std::vector{Phase::over, Phase::released});
}

TEST_CASE_METHOD(KeeperTest, "so is one that ends while others go on") {
  RecordedThread first;
  RecordedThread second;
  hold(first);
  hold(second);
  begin();
  release(first);
  look_too_early();
  CHECK(told() == std::vector{Phase::over});
  release(second);
  look_too_early();
  CHECK(told() == std::vector{Phase::released});
}

// --- with ages that are made up, in hours, so that nothing depends on how fast the machine is ---

constexpr uint64_t kHour = 3600'000'000'000;

struct Posted {
  Event event;
  Phase phase;
  friend bool operator==(const Posted&, const Posted&) = default;
};
using Story = std::vector<Posted>;

// Its lock is a mutex that a thread has really locked, with a limit of an hour for holds and none for waits, or the other way round.
struct StoryTest {
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  std::unique_ptr<EpisodeKeeper> keeper = std::make_unique<EpisodeKeeper>();
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  LockWord word{&mutex, LockKind::mutex, Access::exclusive};
  Settings settings{};
  RecordedThread holder, waiter;

  StoryTest() {
    while (EndedHold* entry = take_ended_hold()) free_ended_hold(entry);
    REQUIRE(report_queue().start());
    report_queue().reset();
    settings.limit_ns = kHour;
    settings.read_limit_ns = 1'000'000;  // the smallest decides how often episodes are followed
    settings.repeat = true;
    start();
  }
  ~StoryTest() {
    holder.record().clear();
    waiter.record().clear();
    report_queue().reset();
    stop_tick();
  }
  void start() {
    timing->start(settings);
    timing->advance();
    keeper->start(settings);
  }

  // --- what threads do ---

  void hold(uint64_t age_ns) {
    holder.run([&] {
      const TickAt tick(ago(age_ns));
      pthread_mutex_lock(&mutex);
      holdwatch::hold(holder.record(), word, {0x401000, 0, 0});
    });
  }
  HeldSlot& slot() { return *holder.record().find(word.address()); }
  void grow(uint64_t age_ns) { slot().since_ns.store(ago(age_ns)); }
  // A release that hands the hold over, as one near its limit does.
  void release() {
    holder.run([&] {
      hand_over_slow(holder.record(), word, slot(), slot(), {0x402000, 0, 0});
      holder.record().drop(slot());
      pthread_mutex_unlock(&mutex);
    });
  }
  HeldSlot& wait(uint64_t age_ns) { return *begin_wait(waiter.record(), word, {0x401000, 0, 0}, ago(age_ns)); }
  void stop_waiting() { waiter.record().clear(); }
  uint64_t ago(uint64_t age_ns) const { return (timing->now_ns() - age_ns) | kExact; }

  // --- what the watcher does ---

  bool begin_hold() { return begin(&EpisodeKeeper::begin_hold_episodes); }
  bool begin_wait_episode() { return begin(&EpisodeKeeper::begin_wait_episodes); }
  bool begin(bool (EpisodeKeeper::*kind)(const Candidates&, const Timing&)) {
    Candidates candidates;
    candidates.add(word);
    return (keeper.get()->*kind)(candidates, *timing);
  }
  // A look that follows all episodes, as not each one does.
  void look() {
    do {
      timing->advance();
      keeper->take_ended_holds(*timing);
      keeper->follow_all(*timing);
    } while (keeper->episodes().active() > 0 && !keeper->has_followed_all());
  }
  void look_at(uint64_t age_ns) {
    grow(age_ns);
    look();
  }

  // --- the reporter ---

  // Its queue has room for no request more.
  void fall_behind() {
    while (ReportRequest* request = report_queue().next_free()) {
      *request->state.holders = {};
      request->ended = nullptr;
      request->phase = Phase::snapshot;
      request->episode = 0;
      report_queue().post();
    }
  }
  void catch_up() { told(); }
  // What was posted since it was asked last.
  Story told() {
    Story all;
    for (; ReportRequest* request = report_queue().oldest(); report_queue().done()) {
      all.push_back({request->event, request->phase});
      if (request->ended != nullptr) free_ended_hold(request->ended);
    }
    return all;
  }
};

TEST_CASE_METHOD(StoryTest,
                 "a hold is reported over its limit, again at twice and four times that, and when it is released") {
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  CHECK(told() == Story{{Event::hold, Phase::over}});
  look();
  CHECK(told().empty());
  look_at(2 * kHour + kHour / 2);
  CHECK(told() == Story{{Event::hold, Phase::still}});
  look_at(3 * kHour + kHour / 2);
  CHECK(told().empty());
  look_at(4 * kHour + kHour / 2);
  CHECK(told() == Story{{Event::hold, Phase::still}});
  release();
  look();
  CHECK(told() == Story{{Event::hold, Phase::released}});
  CHECK(keeper->episodes().active() == 0);
}

TEST_CASE_METHOD(StoryTest, "without REPEAT the beginning and the end are told") {
  settings.repeat = false;
  start();
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  look_at(4 * kHour + kHour / 2);
  release();
  look();
  CHECK(told() == Story{{Event::hold, Phase::over}, {Event::hold, Phase::released}});
}

TEST_CASE_METHOD(StoryTest, "a hold below its limit begins no episode") {
  hold(kHour / 2);
  CHECK_FALSE(begin_hold());
  CHECK(told().empty());
  CHECK(keeper->episodes().active() == 0);
}

TEST_CASE_METHOD(StoryTest,
                 "with ONLY=contended a hold is reported once somebody waits for it, and none that has ended unseen") {
  settings.only = Only::contended;
  start();
  hold(kHour + kHour / 2);
  CHECK_FALSE(begin_hold());
  wait(0);
  CHECK(begin_hold());
  CHECK(told() == Story{{Event::hold, Phase::over}});
  keeper->reset();
  stop_waiting();
  release();
  look();
  CHECK(told().empty());
}

TEST_CASE_METHOD(StoryTest, "a hold that ended before a look is reported late if it was over its limit") {
  hold(kHour + kHour / 2);
  release();
  look();
  CHECK(told() == Story{{Event::hold, Phase::late}});
}

TEST_CASE_METHOD(StoryTest, "one that was not is not reported, and what its release left has its place back") {
  const uint64_t lost = ended_holds_lost();
  for (int i = 0; i < 100; ++i) {
    hold(kHour / 2);
    release();
    look();
  }
  CHECK(told().empty());
  CHECK(ended_holds_lost() == lost);
}

TEST_CASE_METHOD(StoryTest, "a late report for which there is no room is counted") {
  const uint64_t lost = ended_holds_lost();
  fall_behind();
  hold(kHour + kHour / 2);
  release();
  look();
  CHECK(ended_holds_lost() == lost + 1);
}

TEST_CASE_METHOD(StoryTest,
                 "a first report for which there was no room is made at the next look, and a closing line too") {
  fall_behind();
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  catch_up();
  look();
  CHECK(told() == Story{{Event::hold, Phase::over}});
  fall_behind();
  release();
  look();
  CHECK(keeper->episodes().active() == 1);
  catch_up();
  look();
  CHECK(told() == Story{{Event::hold, Phase::released}});
  CHECK(keeper->episodes().active() == 0);
}

TEST_CASE_METHOD(StoryTest,
                 "a hold whose first report came too late is told by its end, if its release has left something") {
  fall_behind();
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  catch_up();
  release();
  look();
  CHECK(told() == Story{{Event::hold, Phase::released}});

  fall_behind();
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  catch_up();
  holder.run([&] {
    holder.record().drop(slot());
    pthread_mutex_unlock(&mutex);
  });
  look();
  CHECK(told().empty());
  CHECK(keeper->episodes().active() == 0);
}

TEST_CASE_METHOD(StoryTest, "a hold whose thread exits is told at once, as abandoned") {
  auto leaving = std::make_unique<RecordedThread>();
  leaving->run([&] {
    const TickAt tick(ago(kHour + kHour / 2));
    pthread_mutex_lock(&mutex);
    holdwatch::hold(leaving->record(), word, {0x401000, 0, 0});
  });
  REQUIRE(begin_hold());
  OwnerRecord& record = leaving->record();
  HeldSlot& left = *record.find(word.address());
  leaving.reset();
  look();
  CHECK(told() == Story{{Event::hold, Phase::over}, {Event::abandoned, Phase::still}});
  look();
  CHECK(told().empty());
  keeper->reset();
  REQUIRE(begin_hold());
  CHECK(told() == Story{{Event::abandoned, Phase::over}});
  drop_left_over(index_of(record), record.index_of_slot(left), left.number.load());
}

TEST_CASE_METHOD(StoryTest,
                 "a hold that is for ever and below its limit is told once somebody has waited for that long") {
  auto leaving = std::make_unique<RecordedThread>();
  leaving->run([&] {
    pthread_mutex_lock(&mutex);
    holdwatch::hold(leaving->record(), word, {0x401000, 0, 0});
  });
  OwnerRecord& record = leaving->record();
  HeldSlot& left = *record.find(word.address());
  leaving.reset();
  wait(kHour / 2);
  CHECK_FALSE(begin_wait_episode());
  stop_waiting();
  wait(kHour + kHour / 2);
  CHECK(begin_wait_episode());
  CHECK(told() == Story{{Event::abandoned, Phase::over}});
  drop_left_over(index_of(record), record.index_of_slot(left), left.number.load());
}

// --- waits ---

struct WaitStoryTest : StoryTest {
  WaitStoryTest() {
    settings.limit_ns = kNoLimit;
    settings.wait_limit_ns = kHour;
    start();
  }
};

TEST_CASE_METHOD(WaitStoryTest, "a wait is reported as a hold is: over its limit, at twice that, and when it is over") {
  hold(3 * kHour);
  HeldSlot& waits = wait(kHour + kHour / 2);
  REQUIRE(begin_wait_episode());
  ReportRequest* const request = report_queue().oldest();
  REQUIRE(request != nullptr);
  CHECK(request->state.holder_count == 1);
  CHECK(request->state.waiter_count == 1);
  CHECK(told() == Story{{Event::wait, Phase::over}});
  look();
  CHECK(told().empty());
  waits.since_ns.store(ago(2 * kHour + kHour / 2));
  look();
  CHECK(told() == Story{{Event::wait, Phase::still}});
  stop_waiting();
  look();
  REQUIRE(report_queue().oldest() != nullptr);
  CHECK(report_queue().oldest()->state.holder_count == 1);  // as it was last seen held
  CHECK(told() == Story{{Event::wait, Phase::released}});
}

TEST_CASE_METHOD(WaitStoryTest, "who waits for a condition goes on with no wait for the mutex") {
  wait(kHour + kHour / 2);
  REQUIRE(begin_wait_episode());
  stop_waiting();
  begin_wait(waiter.record(), word.with_condition(), {0x401000, 0, 0}, ago(kHour + kHour / 2));
  look();
  CHECK(told() == Story{{Event::wait, Phase::over}, {Event::wait, Phase::released}});
}

// --- how often episodes are followed ---

TEST_CASE_METHOD(StoryTest, "all episodes are followed now and then, and one whose hold has ended at once") {
  settings.read_limit_ns = kHour;
  start();
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  CHECK(keeper->follow_all(*timing));
  CHECK(keeper->has_followed_all());
  grow(2 * kHour + kHour / 2);
  CHECK(keeper->follow_all(*timing));  // no time has passed
  CHECK_FALSE(keeper->has_followed_all());
  CHECK(told() == Story{{Event::hold, Phase::over}});
  release();
  keeper->take_ended_holds(*timing);
  CHECK_FALSE(keeper->follow_all(*timing));  // one is over
  CHECK_FALSE(keeper->has_followed_all());
  CHECK(told() == Story{{Event::hold, Phase::released}});
}

// --- the answer to a snapshot ---

TEST_CASE_METHOD(StoryTest, "a snapshot tells of each lock that is held, whatever its age, and begins no episode") {
  pthread_mutex_t another = PTHREAD_MUTEX_INITIALIZER;
  hold(0);
  waiter.run([&] {
    pthread_mutex_lock(&another);
    holdwatch::hold(waiter.record(), {&another, LockKind::mutex, Access::exclusive}, {0x401000, 0, 0});
  });
  keeper->report_all_holds(*timing);
  const ReportRequest* const request = report_queue().oldest();
  REQUIRE(request != nullptr);
  CHECK(request->limit_ns == 0);
  CHECK(request->episode == 0);
  CHECK(told() == Story{{Event::hold, Phase::snapshot}, {Event::hold, Phase::snapshot}});
  CHECK(keeper->episodes().active() == 0);
}

// --- deadlocks, each in a child of fork ---

struct DeadlockStory : StoryTest {
  DeadlockScene scene;
  bool is_as_expected = true;

  // `age_ns` of the two holds.
  void deadlock(uint64_t age_ns) {
    const TickAt tick(ago(age_ns));
    scene.take();
    scene.deadlock();
  }
  bool begin_hold_of(int lock) {
    word = scene.word(lock);
    return begin_hold();
  }
};

// 0 if the story went as expected, else the step at which it did not.
int play(int (*story)(DeadlockStory&)) {
  return in_child([&] { return story(*new DeadlockStory); }).status;
}

TEST_CASE("a deadlock is told once, whatever the age of its holds, and its holds are not told besides") {
  CHECK(play([](DeadlockStory& story) {
          story.deadlock(0);
          story.keeper->begin_cycles(*story.timing);
          if (story.told() != Story{{Event::deadlock, Phase::over}}) return 1;
          story.keeper->begin_cycles(*story.timing);
          story.look();
          if (!story.told().empty()) return 2;
          for (int lock : {0, 1}) {
            story.scene.threads[lock]
                .record()
                .find(story.scene.word(lock).address())
                ->since_ns.store(story.ago(2 * kHour));
            if (!story.begin_hold_of(lock)) return 3;
          }
          if (!story.told().empty()) return 4;
          return story.keeper->episodes().active() == 1 ? 0 : 5;
        }) == 0);
}

TEST_CASE("how a hold goes on is not told while it is part of a deadlock") {
  CHECK(play([](DeadlockStory& story) {
          story.deadlock(kHour + kHour / 2);
          if (!story.begin_hold_of(0)) return 1;
          story.keeper->begin_cycles(*story.timing);
          if (story.told() != Story{{Event::hold, Phase::over}, {Event::deadlock, Phase::over}}) return 2;
          for (int lock : {0, 1})
            story.scene.threads[lock]
                .record()
                .find(story.scene.word(lock).address())
                ->since_ns.store(story.ago(2 * kHour));
          story.look();
          // The deadlock's own age is that of its oldest hold as it was when it began.
          return story.told().empty() ? 0 : 3;
        }) == 0);
}

TEST_CASE("a deadlock is over when one of its waits is, and a snapshot tells of it as one thing") {
  CHECK(play([](DeadlockStory& story) {
          story.deadlock(0);
          story.keeper->report_all_holds(*story.timing);
          report_queue().for_each_posted([&](const ReportRequest& request) {
            const bool has_none = request.limit_ns == 0 && request.episode == 0;
            story.is_as_expected = story.is_as_expected && has_none == (request.phase == Phase::snapshot);
          });
          if (!story.is_as_expected) return 3;
          if (story.told() != Story{{Event::deadlock, Phase::over}, {Event::deadlock, Phase::snapshot}}) return 1;
          story.scene.threads[1].record().clear();
          story.look();
          return story.told() == Story{{Event::deadlock, Phase::released}} ? 0 : 2;
        }) == 0);
}

TEST_CASE("that a deadlock is over is told before the end of a hold that it kept") {
  CHECK(play([](DeadlockStory& story) {
          story.deadlock(kHour + kHour / 2);
          if (!story.begin_hold_of(0)) return 1;
          story.keeper->begin_cycles(*story.timing);
          story.told();
          OwnerRecord& record = story.scene.threads[0].record();
          HeldSlot& slot = *record.find(story.scene.word(0).address());
          hand_over_slow(record, story.scene.word(0), slot, slot, {0x402000, 0, 0});
          record.clear();
          story.look();
          return story.told() == Story{{Event::deadlock, Phase::released}, {Event::hold, Phase::released}} ? 0 : 2;
        }) == 0);
}

TEST_CASE("a thread that waits for its own mutex is a deadlock with itself") {
  CHECK(play([](DeadlockStory& story) {
          const TickAt tick(story.ago(0));
          story.scene.take();
          story.scene.note_wait(0, story.scene.word(0));
          story.scene.block(0, 0);
          story.keeper->begin_cycles(*story.timing);
          return story.told() == Story{{Event::self_deadlock, Phase::over}} ? 0 : 1;
        }) == 0);
}

}  // namespace
}  // namespace holdwatch
