// The episodes of symbolizer/report/suppressions.h, and the rules that come with holdwatch.
#include "symbolizer/report/suppressions.h"

#include <fstream>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

using Texts = std::vector<std::string>;

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
  report.holders[0].thread = "redis-server";
  report.holders[0].taken.frames.resize(1);
  report.holders[0].taken.frames[0].function = "stopThreadedIO";
  if (phase == Phase::released || phase == Phase::late) return report;
  report.waiters.resize(1);
  report.waiters[0].tids = {101};
  report.waiters[0].threads = {"io_thd_1"};
  return report;
}

class Reader {
 public:
  explicit Reader(const std::string& path = "")
      : suppressions(
            path, [this](const char* what, const char* instead) { said.push_back(what + std::string("; ") + instead); },
            [this](uint64_t episode, uint64_t age_ns) {
              wanted.push_back({episode, age_ns});
            }) {}

  bool leaves_out(Report report) { return suppressions.leaves_out(report, &notice); }

  Texts said;
  std::vector<std::pair<uint64_t, uint64_t>> wanted;
  std::string notice;
  Suppressions suppressions;
};

std::string file_with(const std::string& text) {
  const std::string path = "/tmp/holdwatch-suppressions-test-" + std::to_string(getpid());
  std::ofstream(path) << text;
  return path;
}

}  // namespace

TEST_CASE("redis's parked I/O threads are left out, with one line for all of them") {
  Reader reader;
  CHECK(reader.leaves_out(parked(Phase::over, 1)));
  CHECK(
      reader.notice ==
      "L7 and similar locks are not reported: redis parks its idle I/O threads on mutexes that its main thread holds");
  reader.notice.clear();
  CHECK(reader.leaves_out(parked(Phase::over, 2)));
  CHECK(reader.leaves_out(parked(Phase::still, 1)));
  CHECK(reader.leaves_out(parked(Phase::released, 1)));
  CHECK(reader.leaves_out(parked(Phase::late, 3)));
  CHECK(reader.notice.empty());
  CHECK(reader.suppressions.unused().empty());
}

TEST_CASE("the long wait of a parked I/O thread is left out, whose stack has its own functions") {
  Report wait = parked(Phase::over);
  wait.event = Event::wait;
  for (const char* function : {"pthread_mutex_lock", "IOThreadMain", "start_thread"}) {
    wait.waiters[0].stack.frames.emplace_back();
    wait.waiters[0].stack.frames.back().function = function;
  }
  CHECK(Reader().leaves_out(wait));
  wait.waiters[0].threads[0] = "bio_lazy_free";
  CHECK_FALSE(Reader().leaves_out(wait));
}

TEST_CASE("a lock by design that anybody else waits for is reported from then on") {
  Reader reader;
  REQUIRE(reader.leaves_out(parked(Phase::over)));
  Report other = parked(Phase::still);
  other.waiters[0].threads[0] = "bio_lazy_free";
  CHECK_FALSE(reader.suppressions.leaves_out(other, &reader.notice));
  CHECK(other.phase == Phase::over);
  CHECK_FALSE(reader.leaves_out(parked(Phase::still)));
  CHECK_FALSE(reader.leaves_out(parked(Phase::released)));
}

TEST_CASE("what redis does not do by design is reported") {
  const auto is_reported = [](auto change) {
    Report report = parked(Phase::over);
    change(report);
    return !Reader().leaves_out(report);
  };
  CHECK(is_reported([](Report& report) { report.exe = "/usr/bin/chatroom"; }));
  CHECK(is_reported([](Report& report) { report.holders[0].thread = "bio_lazy_free"; }));
  CHECK(is_reported([](Report& report) { report.waiters_left_out = 1; }));
  CHECK(is_reported([](Report& report) { report.exe = "/usr/bin/redis-x"; }));
  CHECK(is_reported([](Report& report) { report.event = Event::deadlock; }));
  CHECK(is_reported([](Report& report) { report.holders[0].taken.frames[0].function = "clusterCron"; }));
  CHECK_FALSE(is_reported([](Report& report) { report.holders[0].taken.frames[0].function = ""; }));
  CHECK_FALSE(is_reported([](Report& report) { report.waiters.clear(); }));
}

TEST_CASE("for an unwatched process the acquisition stack does not matter") {
  Report report = parked(Phase::over);
  report.event = Event::wait;
  report.holders[0].taken.frames[0].function = "clusterCron";
  CHECK(why_held_by_design(report) == "redis parks its idle I/O threads on mutexes that its main thread holds");
  report.exe = "/usr/bin/chatroom";
  CHECK(why_held_by_design(report).empty());
}

TEST_CASE("a rule with a limit asks for the episode at that age, and then it is reported as one that begins") {
  Reader reader(file_with("hold holder=worker limit=10s\n"));
  Report report = parked(Phase::over);
  report.holders[0].thread = "worker";
  report.holders[0].held_ns = 1'000'000'000;
  CHECK(reader.leaves_out(report));
  CHECK(reader.wanted == std::vector<std::pair<uint64_t, uint64_t>>{{1, 10'000'000'000}});
  CHECK(reader.notice.empty());
  report.phase = Phase::still;
  report.holders[0].held_ns = 10'000'000'000;
  CHECK_FALSE(reader.suppressions.leaves_out(report, &reader.notice));
  CHECK(report.phase == Phase::over);
  CHECK_FALSE(reader.leaves_out(parked(Phase::released)));
}

// Two threads that wait for the same condition in different functions, for 12 s and 11 s.
Report condition_waits(Phase phase) {
  Report report{};
  report.event = Event::wait;
  report.phase = phase;
  report.episode = 1;
  report.lock_kind = LockKind::condition;
  if (phase == Phase::released) return report;
  report.waiters.resize(2);
  for (size_t i = 0; i < 2; ++i) {
    report.waiters[i].longest_ns = (12 - i) * 1'000'000'000;
    report.waiters[i].tids = {100 + static_cast<int>(i)};
    report.waiters[i].threads = {"worker"};
    report.waiters[i].stack.frames.resize(1);
    report.waiters[i].stack.frames[0].function = i == 0 ? "Worker::run" : "Logger::run";
  }
  return report;
}

using Wanted = std::vector<std::pair<uint64_t, uint64_t>>;

TEST_CASE("of condition waits only those are kept that a rule asks for") {
  Reader reader(file_with("condition function=Logger::run limit=10s\nany function=*\n"));
  CHECK(reader.suppressions.condition_limit_ns() == 10'000'000'000);
  Report report = condition_waits(Phase::over);
  CHECK(reader.suppressions.may_leave_out(report));
  reader.suppressions.keep_condition_waits(report);
  REQUIRE(report.waiters.size() == 1);
  CHECK(report.waiters[0].tids == std::vector{101});
  CHECK(report.limit_ns == 10'000'000'000);
  CHECK_FALSE(reader.suppressions.leaves_out(report, &reader.notice));
  CHECK(reader.wanted.empty());
  CHECK_FALSE(reader.leaves_out(condition_waits(Phase::released)));
}

TEST_CASE("condition waits that no rule asks for are never reported, nor is their end") {
  Reader reader(file_with("condition function=Other::run limit=10s\n"));
  Report report = condition_waits(Phase::over);
  reader.suppressions.keep_condition_waits(report);
  CHECK(report.waiters.empty());
  CHECK(reader.leaves_out(report));
  CHECK(reader.wanted == Wanted{{1, UINT64_MAX}});
  CHECK(reader.leaves_out(condition_waits(Phase::released)));
}

TEST_CASE("condition waits below the limit of their rule are reported when they are that old, as ones that begin") {
  Reader reader(file_with("condition function=Worker::run limit=20s\n"));
  Report report = condition_waits(Phase::over);
  reader.suppressions.keep_condition_waits(report);
  CHECK(reader.leaves_out(report));
  CHECK(reader.wanted == Wanted{{1, 20'000'000'000}});
  Report later = condition_waits(Phase::still);
  later.waiters[0].longest_ns = 20'000'000'000;
  reader.suppressions.keep_condition_waits(later);
  CHECK_FALSE(reader.suppressions.leaves_out(later, &reader.notice));
  CHECK(later.phase == Phase::over);
}

TEST_CASE("a list of condition waits is left out by no rule") {
  Reader reader(file_with("any exe=*\nwait function=*\n"));
  CHECK_FALSE(reader.leaves_out(condition_waits(Phase::snapshot)));
}

TEST_CASE("a bad line, a missing file and one that is none are said; the rest holds") {
  CHECK(Reader("/nonexistent/rules").said ==
        Texts{"HOLDWATCH_SUPPRESS: cannot read /nonexistent/rules: No such file or directory; no rule is used"});
  CHECK(Reader("/tmp").said == Texts{"HOLDWATCH_SUPPRESS: cannot read /tmp: Is a directory; no rule is used"});
  CHECK(Reader("/dev/null").said ==
        Texts{"HOLDWATCH_SUPPRESS: cannot read /dev/null: Invalid argument; no rule is used"});
  CHECK(Reader("none").said.empty());
  const std::string path = file_with("junk\nhold exe=redis-*\nhold exe=never\n");
  Reader reader(path);
  CHECK(reader.said ==
        Texts{"HOLDWATCH_SUPPRESS: " + path +
              ":1: \"junk\" is no event (any, hold, wait, deadlock ...), nor condition; this rule is not used"});
  Report report = parked(Phase::over);
  report.holders[0].thread = "anybody";
  CHECK(reader.leaves_out(report));
  CHECK(reader.suppressions.unused() == Texts{"HOLDWATCH_SUPPRESS: " + path + ":3: this rule has matched nothing"});
}
