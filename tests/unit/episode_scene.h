// What the tests of episodes share: a keeper whose requests go to a queue that no reporter reads, a mutex that a thread has really
// locked, and ages that are set by hand, in hours, so that nothing depends on how fast the machine is.
#pragma once

#include <pthread.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "shim/base/clock.h"
#include "shim/handoff/report_request.h"
#include "shim/record/hand_over.h"
#include "shim/watch/episode_keeper.h"
#include "tests/catch.h"
#include "tests/unit/deadlock_scene.h"
#include "tests/unit/in_child.h"
#include "tests/unit/record_calls.h"
#include "tests/unit/recorded_thread.h"

namespace holdwatch {

// Shorter on a machine that was booted a short time ago: nothing can have begun before that.
inline const uint64_t kHour = std::min<uint64_t>(3600'000'000'000, monotonic_ns() / 8);

struct Posted {
  Event event;
  Phase phase;
  friend bool operator==(const Posted&, const Posted&) = default;
};
using Reports = std::vector<Posted>;

// What was posted since the last call.
inline Reports take_reports() {
  Reports all;
  while (ReportRequest* request = report_queue().oldest()) {
    all.push_back({request->event, request->phase});
    if (request->ended != nullptr) free_ended_hold(request->ended);
    report_queue().done(*request);
  }
  return all;
}

// The limit is an hour for holds of the mutex; waits have none.
struct EpisodeScene {
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  std::unique_ptr<EpisodeKeeper> keeper = std::make_unique<EpisodeKeeper>();
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  LockWord word{&mutex, LockKind::mutex, Access::exclusive};
  Settings settings{};
  RecordedThread holder, waiter;

  EpisodeScene() {
    drop_ended_holds();
    REQUIRE(report_queue().start());
    report_queue().reset();
    settings.limit_ns = kHour;
    settings.read_limit_ns = 1'000'000;  // the smallest decides how often episodes are followed
    settings.repeat = true;
    start();
  }
  ~EpisodeScene() {
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

  void hold(uint64_t age_ns) { hold_by(holder, age_ns); }
  void hold_by(RecordedThread& thread, uint64_t age_ns) {
    thread.run([&] {
      const TickAt tick(ago(age_ns));
      pthread_mutex_lock(&mutex);
      holdwatch::hold(thread.record(), word, {0x401000, 0, 0});
    });
  }
  HeldSlot& slot() { return *holder.record().find(word.address()); }
  void set_age(uint64_t age_ns) { slot().since_ns.store(ago(age_ns)); }
  // A release that hands the hold over, as one near its limit does.
  void release() {
    holder.run([&] {
      hand_over_slow(holder.record(), word, slot(), slot(), {0x402000, 0, 0});
      holder.record().drop(slot());
      pthread_mutex_unlock(&mutex);
    });
  }
  void release_without_handing_over() {
    holder.run([&] {
      holder.record().drop(slot());
      pthread_mutex_unlock(&mutex);
    });
  }
  HeldSlot& wait(uint64_t age_ns) { return *begin_wait(waiter.record(), word, {0x401000, 0, 0}, ago(age_ns)); }
  void stop_waiting() { waiter.record().clear(); }
  uint64_t ago(uint64_t age_ns) const { return (timing->now_ns() - age_ns) | kExact; }

  // --- what the watcher does ---

  bool begin_hold() { return begin(&EpisodeKeeper::begin_hold_episodes, {word}); }
  bool begin_wait_episode() { return begin(&EpisodeKeeper::begin_wait_episodes, {word}); }
  bool begin(bool (EpisodeKeeper::*kind)(const Candidates&, const Timing&), const std::vector<LockWord>& locks) {
    Candidates candidates;
    for (const LockWord lock : locks) candidates.add(lock);
    return (keeper.get()->*kind)(candidates, *timing);
  }
  // A scan that follows all episodes, as not every scan does.
  void follow() {
    do {
      timing->advance();
      keeper->take_ended_holds(*timing);
      keeper->follow_all(*timing);
    } while (keeper->episodes().active() > 0 && !keeper->has_followed_all());
  }
  void follow_at(uint64_t age_ns) {
    set_age(age_ns);
    follow();
  }

  // --- the reporter ---

  // The queue is full afterwards.
  static void fill_queue() {
    while (ReportRequest* request = report_queue().next_free()) {
      *request->state.holders = {};
      request->ended = nullptr;
      request->phase = Phase::snapshot;
      request->episode = 0;
      report_queue().post();
    }
  }
  static void empty_queue() { take_reports(); }
};

// The limit is an hour for waits; holds have none.
struct WaitScene : EpisodeScene {
  WaitScene() {
    settings.limit_ns = kNoLimit;
    settings.wait_limit_ns = kHour;
    start();
  }
};

// A mutex whose holder has exited.
struct AbandonedScene : EpisodeScene {
  std::unique_ptr<RecordedThread> leaving = std::make_unique<RecordedThread>();
  OwnerRecord* record = &leaving->record();
  HeldSlot* left = nullptr;

  ~AbandonedScene() {
    if (left != nullptr) drop_left_over(index_of(*record), record->index_of_slot(*left), left->number.load());
  }
  void hold_by_leaving(uint64_t age_ns) {
    hold_by(*leaving, age_ns);
    left = record->find(word.address());
  }
  void exit() { leaving.reset(); }
};

// Two threads in a deadlock, each with its mutex; to be used in a child of fork.
struct DeadlockEpisodes : EpisodeScene {
  DeadlockScene scene;

  // `age_ns` of the two holds.
  void deadlock(uint64_t age_ns) {
    const TickAt tick(ago(age_ns));
    scene.take();
    scene.deadlock();
  }
  HeldSlot& slot_of(int lock) { return *scene.threads[lock].record().find(scene.word(lock).address()); }
  void set_ages(uint64_t age_ns) {
    for (int lock : {0, 1}) slot_of(lock).since_ns.store(ago(age_ns));
  }
  bool begin_hold_of(int lock) { return begin(&EpisodeKeeper::begin_hold_episodes, {scene.word(lock)}); }
};

// 0 if everything went as expected, else the number of the step that did not.
inline int with_deadlock(int (*steps)(DeadlockEpisodes&)) {
  return in_child([&] { return steps(*new DeadlockEpisodes); }).status;
}

}  // namespace holdwatch
