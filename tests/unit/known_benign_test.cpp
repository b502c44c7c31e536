// The rules of symbolizer/report/known_benign.h.
#include "symbolizer/report/known_benign.h"

#include "tests/catch.h"

using namespace holdwatch;

namespace {

// redis's main thread holds a mutex, and an I/O thread is parked at it.
Report parked(Phase phase, uint64_t episode = 1) {
  Report report{};
  report.event = Event::hold;
  report.phase = phase;
  report.episode = episode;
  report.pid = 100;
  report.exe = "/usr/bin/redis-check-rdb";  // what Debian's redis-server is a link to
  report.lock_id = "L7";
  report.lock_kind = LockKind::mutex;
  report.holders.resize(1);
  report.holders[0].tid = 100;
  report.holders[0].taken.frames.resize(1);
  report.holders[0].taken.frames[0].function = "stopThreadedIO";
  if (phase == Phase::released || phase == Phase::late) return report;
  report.waiters.resize(1);
  report.waiters[0].tids = {101};
  report.waiters[0].threads = {"io_thd_1"};
  return report;
}

bool leaves_out(KnownBenign& known_benign, Report report, std::string* notice) {
  return known_benign.leaves_out(report, notice);
}

TEST_CASE("redis's parked I/O threads are left out, with one line for all of them") {
  KnownBenign known_benign;
  std::string notice;
  CHECK(leaves_out(known_benign, parked(Phase::over, 1), &notice));
  CHECK(
      notice ==
      "L7 and similar locks are not reported: redis parks its idle I/O threads on mutexes that its main thread holds");
  notice.clear();
  CHECK(leaves_out(known_benign, parked(Phase::over, 2), &notice));
  CHECK(leaves_out(known_benign, parked(Phase::still, 1), &notice));
  CHECK(leaves_out(known_benign, parked(Phase::released, 1), &notice));
  CHECK(leaves_out(known_benign, parked(Phase::late, 3), &notice));
  CHECK(notice.empty());
}

TEST_CASE("a lock by design that anybody else waits for is reported from then on") {
  KnownBenign known_benign;
  std::string notice;
  REQUIRE(leaves_out(known_benign, parked(Phase::over), &notice));
  Report other = parked(Phase::still);
  other.waiters[0].threads[0] = "bio_lazy_free";
  CHECK_FALSE(known_benign.leaves_out(other, &notice));
  CHECK(other.phase == Phase::over);
  CHECK_FALSE(leaves_out(known_benign, parked(Phase::still), &notice));
  CHECK_FALSE(leaves_out(known_benign, parked(Phase::released), &notice));
}

TEST_CASE("what redis does not do by design is reported") {
  const auto is_reported = [](auto change) {
    Report report = parked(Phase::over);
    change(report);
    return why_known_benign(report, true) == nullptr;
  };
  CHECK(is_reported([](Report& report) { report.exe = "/usr/bin/chatroom"; }));
  CHECK(is_reported([](Report& report) { report.holders[0].tid = 101; }));
  CHECK(is_reported([](Report& report) { report.lock_kind = LockKind::rwlock; }));
  CHECK(is_reported([](Report& report) { report.waiters[0].threads = {"io_thd_1", "io_thd_2"}; }));
  CHECK(is_reported([](Report& report) { report.waiters.push_back(report.waiters[0]); }));
  CHECK(is_reported([](Report& report) { report.waiters_left_out = 1; }));
  CHECK(is_reported([](Report& report) { report.exe = "/usr/bin/redis-x"; }));
  CHECK(is_reported([](Report& report) { report.holders[0].taken.frames[0].function = "clusterCron"; }));
  CHECK_FALSE(is_reported([](Report& report) { report.holders[0].taken.frames[0].function = ""; }));
  CHECK_FALSE(is_reported([](Report& report) { report.waiters.clear(); }));
}

TEST_CASE("for an unwatched process the acquisition stack does not matter") {
  Report report = parked(Phase::snapshot);
  report.event = Event::wait;
  report.holders[0].taken.frames.clear();
  CHECK(why_known_benign(report, true) == nullptr);
  CHECK(why_known_benign(report, false) != nullptr);
  report.waiters[0].threads = {"bio_lazy_free"};
  CHECK(why_known_benign(report, false) == nullptr);
}

TEST_CASE("a snapshot shows everything") {
  KnownBenign known_benign;
  std::string notice;
  CHECK_FALSE(leaves_out(known_benign, parked(Phase::snapshot), &notice));
}

}  // namespace
