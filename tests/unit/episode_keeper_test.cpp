#include "shim/watch/episode_keeper.h"

#include <pthread.h>

#include <memory>
#include <vector>

#include "shim/watch/reporter.h"
#include "tests/catch.h"
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
    while (HandedOver* entry = take_handed_over()) give_back(entry);
    Settings settings{};
    settings.limit_ns = settings.read_limit_ns = settings.wait_limit_ns = 1;
    timing->start(settings);
    timing->advance();
    keeper->start(settings);
    REQUIRE(reporter_queue().start());
    reporter_queue().reset();
  }
  ~KeeperTest() {
    reporter_queue().reset();
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
    Suspects suspects;
    suspects.add(word);
    REQUIRE(keeper->begin_hold_episodes(suspects, *timing));
  }
  // A look whose releases come after it has looked for them.
  void look_too_early() {
    timing->advance();
    keeper->follow_all(*timing);
    keeper->take_ended_holds(*timing);
  }
  std::vector<Phase> told() {
    std::vector<Phase> phases;
    for (; Job* job = reporter_queue().oldest(); reporter_queue().done()) {
      phases.push_back(job->phase);
      if (job->ended != nullptr) give_back(job->ended);
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

}  // namespace
}  // namespace holdwatch
