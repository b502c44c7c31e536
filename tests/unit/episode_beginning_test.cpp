#include "shim/watch/episode_beginning.h"

#include "shim/record/lock_registry.h"
#include "tests/unit/episode_scene.h"

namespace holdwatch {
namespace {

// --- holds ---

TEST_CASE_METHOD(EpisodeScene, "a hold over its limit begins an episode with the lock, its limit and the holder") {
  hold(kHour + kHour / 2);
  REQUIRE(begin_hold());
  const Episode* const episode = keeper->episodes().find_hold(word.address());
  REQUIRE(episode != nullptr);
  CHECK(episode->event == Event::hold);
  CHECK(episode->limit_ns == kHour);
  REQUIRE(episode->holder_count == 1);
  CHECK(episode->holders[0].hold.tid == holder.tid());
  CHECK(take_reports() == Reports{{Event::hold, Phase::over}});
}

TEST_CASE_METHOD(EpisodeScene, "a hold below its limit begins no episode") {
  hold(kHour / 2);
  CHECK_FALSE(begin_hold());
  CHECK(take_reports().empty());
  CHECK(keeper->episodes().active() == 0);
}

TEST_CASE_METHOD(EpisodeScene, "a lock that was released meanwhile begins no episode") {
  hold(kHour + kHour / 2);
  release_without_handing_over();
  CHECK_FALSE(begin_hold());
  CHECK(keeper->episodes().active() == 0);
}

TEST_CASE_METHOD(EpisodeScene, "with ONLY=contended, a hold begins an episode once a thread waits for it") {
  settings.only = Only::contended;
  start();
  hold(kHour + kHour / 2);
  CHECK_FALSE(begin_hold());
  CHECK(take_reports().empty());
  wait(0);
  CHECK(begin_hold());
  CHECK(take_reports() == Reports{{Event::hold, Phase::over}});
}

TEST_CASE_METHOD(EpisodeScene, "a candidate that begins no episode does not keep the next one from it") {
  pthread_mutex_t young = PTHREAD_MUTEX_INITIALIZER;
  const LockWord young_word{&young, LockKind::mutex, Access::exclusive};
  hold(kHour + kHour / 2);
  waiter.run([&] {
    const TickAt tick(ago(0));
    holdwatch::hold(waiter.record(), young_word, {0x401000, 0, 0});
  });
  CHECK_FALSE(begin(&EpisodeKeeper::begin_hold_episodes, {young_word, word}));
  CHECK(keeper->episodes().find_hold(word.address()) != nullptr);
  CHECK(keeper->episodes().active() == 1);
}

TEST_CASE_METHOD(EpisodeScene, "a hold for which there are too many episodes begins one when another has ended") {
  for (uintptr_t lock = 1; !keeper->episodes().full(); ++lock)
    keeper->episodes().begin(Event::hold, {reinterpret_cast<void*>(lock * 64), LockKind::mutex, Access::exclusive}, 77);
  hold(kHour + kHour / 2);
  CHECK_FALSE(begin_hold());
  wait(kHour + kHour / 2);
  CHECK_FALSE(begin_wait_episode());
  keeper->episodes().end(*keeper->episodes().find_hold(64));
  CHECK(begin_hold());
  CHECK(take_reports() == Reports{{Event::hold, Phase::over}});
}

// --- holds of threads that have exited ---

TEST_CASE_METHOD(AbandonedScene, "a hold whose thread has exited begins an abandoned episode") {
  hold_by_leaving(kHour + kHour / 2);
  exit();
  REQUIRE(begin_hold());
  CHECK(take_reports() == Reports{{Event::abandoned, Phase::over}});
}

TEST_CASE_METHOD(AbandonedScene,
                 "an abandoned hold below its limit is reported once a wait for it is over that limit") {
  hold_by_leaving(0);
  exit();
  wait(kHour / 2);
  CHECK_FALSE(begin_wait_episode());
  CHECK(take_reports().empty());
  stop_waiting();
  wait(kHour + kHour / 2);
  CHECK(begin_wait_episode());
  CHECK(take_reports() == Reports{{Event::abandoned, Phase::over}});
}

// --- waits ---

TEST_CASE_METHOD(WaitScene, "a wait over its limit begins an episode with the wait's limit and the present holder") {
  hold(3 * kHour);
  wait(kHour + kHour / 2);
  REQUIRE(begin_wait_episode());
  const Episode* const episode = keeper->episodes().find_wait(word.address());
  REQUIRE(episode != nullptr);
  CHECK(episode->limit_ns == kHour);
  REQUIRE(episode->holder_count == 1);
  CHECK(episode->holders[0].hold.tid == holder.tid());
  CHECK(take_reports() == Reports{{Event::wait, Phase::over}});
}

TEST_CASE_METHOD(AbandonedScene, "a wait that begins no episode does not keep the next one from it") {
  settings.wait_limit_ns = kHour;
  start();
  hold_by_leaving(0);
  exit();
  pthread_mutex_t another = PTHREAD_MUTEX_INITIALIZER;
  const LockWord another_word{&another, LockKind::mutex, Access::exclusive};
  begin_wait(waiter.record(), another_word, {0x401000, 0, 0}, ago(kHour + kHour / 2));
  CHECK_FALSE(begin(&EpisodeKeeper::begin_wait_episodes, {word, another_word}));
  CHECK(keeper->episodes().find_wait(another_word.address()) != nullptr);
  CHECK(keeper->episodes().active() == 1);
}

// --- deadlocks ---

TEST_CASE("a deadlock is reported once, whatever the age of its holds, and its holds are not reported besides") {
  CHECK(with_deadlock([](DeadlockEpisodes& test) {
          test.deadlock(0);
          test.keeper->begin_cycles(*test.timing);
          if (take_reports() != Reports{{Event::deadlock, Phase::over}}) return 1;
          test.keeper->begin_cycles(*test.timing);
          test.follow();
          if (!take_reports().empty()) return 2;
          test.set_ages(2 * kHour);
          for (int lock : {0, 1})
            if (!test.begin_hold_of(lock)) return 3;
          if (!take_reports().empty()) return 4;
          return test.keeper->episodes().active() == 1 ? 0 : 5;
        }) == 0);
}

TEST_CASE("a wait for a lock that is part of a deadlock begins no episode of its own") {
  CHECK(with_deadlock([](DeadlockEpisodes& test) {
          test.settings.wait_limit_ns = kHour;
          test.start();
          test.deadlock(0);
          test.keeper->begin_cycles(*test.timing);
          if (take_reports() != Reports{{Event::deadlock, Phase::over}}) return 1;
          for (RecordedThread& thread : test.scene.threads)
            const_cast<HeldSlot*>(thread.record().waiting())->since_ns.store(test.ago(2 * kHour));
          if (!test.begin(&EpisodeKeeper::begin_wait_episodes, {test.scene.word(0), test.scene.word(1)})) return 2;
          return take_reports().empty() && test.keeper->episodes().active() == 1 ? 0 : 3;
        }) == 0);
}

TEST_CASE("a deadlock's episode has both holds, each with the time at which it began") {
  CHECK(with_deadlock([](DeadlockEpisodes& test) {
          test.deadlock(2 * kHour);
          test.keeper->begin_cycles(*test.timing);
          const Episode* const episode = test.keeper->episodes().find_cycle(test.scene.word(1).address());
          if (episode == nullptr || episode->holder_count != 2) return 1;
          for (size_t i = 0; i < 2; ++i) {
            if (test.timing->now_ns() - episode->started_ns[i] < kHour) return 2;
            if (episode->tags[i].id != lock_id(episode->holders[i].hold.word.address())) return 3;
          }
          return episode->holders[0].hold.tid != episode->holders[1].hold.tid ? 0 : 4;
        }) == 0);
}

TEST_CASE("a deadlock's limit is that of its first lock, or the smallest of all if holds have none") {
  for (const bool have_limit : {true, false}) {
    CHECK(in_child([&] {
            auto& test = *new DeadlockEpisodes;
            if (!have_limit) test.settings.limit_ns = kNoLimit;
            test.settings.read_limit_ns = 2'000'000;
            test.start();
            test.deadlock(0);
            test.keeper->begin_cycles(*test.timing);
            const Episode* const episode = test.keeper->episodes().find_cycle(test.scene.word(0).address());
            if (episode == nullptr) return 1;
            return episode->limit_ns == (have_limit ? kHour : 2'000'000) ? 0 : 2;
          }).status == 0);
  }
}

TEST_CASE("a thread that waits for its own mutex is a self_deadlock") {
  CHECK(with_deadlock([](DeadlockEpisodes& test) {
          const TickAt tick(test.ago(0));
          test.scene.take();
          test.scene.note_wait(0, test.scene.word(0));
          test.scene.block(0, 0);
          test.keeper->begin_cycles(*test.timing);
          return take_reports() == Reports{{Event::self_deadlock, Phase::over}} ? 0 : 1;
        }) == 0);
}

TEST_CASE("threads that do not sleep for each other's lock are no deadlock, whatever their records say") {
  CHECK(with_deadlock([](DeadlockEpisodes& test) {
          const TickAt tick(test.ago(0));
          test.scene.take();
          for (int i : {0, 1}) test.scene.note_wait(i, test.scene.word(1 - i));
          test.scene.block(0, 1);
          test.scene.do_something_else(1);
          test.keeper->begin_cycles(*test.timing);
          return take_reports().empty() && test.keeper->episodes().active() == 0 ? 0 : 1;
        }) == 0);
}

}  // namespace
}  // namespace holdwatch
