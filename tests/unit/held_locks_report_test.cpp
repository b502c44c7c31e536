#include "shim/watch/held_locks_report.h"

#include "tests/unit/episode_scene.h"

namespace holdwatch {
namespace {

TEST_CASE_METHOD(EpisodeScene, "a snapshot reports each held lock, whatever its age, and begins no episode") {
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
  CHECK(take_reports() == Reports{{Event::hold, Phase::snapshot}, {Event::hold, Phase::snapshot}});
  CHECK(keeper->episodes().active() == 0);
}

TEST_CASE("a snapshot reports a deadlock once, not each of its locks") {
  CHECK(with_deadlock([](DeadlockEpisodes& test) {
          test.deadlock(0);
          test.keeper->report_all_holds(*test.timing);
          bool only_snapshots_lack_an_episode = true;
          report_queue().for_each_posted([&](const ReportRequest& request) {
            const bool has_none = request.limit_ns == 0 && request.episode == 0;
            if (has_none != (request.phase == Phase::snapshot)) only_snapshots_lack_an_episode = false;
          });
          if (!only_snapshots_lack_an_episode) return 1;
          return take_reports() == Reports{{Event::deadlock, Phase::over}, {Event::deadlock, Phase::snapshot}} ? 0 : 2;
        }) == 0);
}

}  // namespace
}  // namespace holdwatch
