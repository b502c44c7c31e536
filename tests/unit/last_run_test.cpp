// The rules of symbolizer/tools/scheduler/last_run.h.
#include "symbolizer/tools/scheduler/last_run.h"

#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1000 * kMs;

constexpr char kSchedFile[] =
    "cat (4794, #threads: 1)\n"
    "-------------------------------------------------------------------\n"
    "se.exec_start                                :      11579388.261893\n"
    "se.vruntime                                  :        389646.371008\n"
    "se.avg.last_update_time                      :       11579388261376\n"
    "policy                                       :                    0\n";

}  // namespace

TEST_CASE("the scheduler's file shows when the thread last ran, to the nanosecond") {
  const auto last = parse_last_run(kSchedFile);
  REQUIRE(last);
  CHECK(last->ran_ns == 11'579'388'261'893);
  CHECK(last->settled_ns == 11'579'388'261'376);
}

TEST_CASE("a file without that field gives nothing, whatever else it contains") {
  CHECK_FALSE(parse_last_run(""));
  CHECK_FALSE(parse_last_run("se.exec_start"));
  CHECK_FALSE(parse_last_run("se.exec_start :"));
  CHECK_FALSE(parse_last_run("se.exec_start : 12\n"));
  CHECK_FALSE(parse_last_run("se.exec_start : 12.5\n"));
  CHECK_FALSE(parse_last_run("se.exec_start : -1.000000\n"));
  CHECK_FALSE(parse_last_run("se.exec_start : 99999999999999999999.000000\n"));
  // Never run, or moved to another processor by a kernel that says so.
  CHECK_FALSE(parse_last_run("se.exec_start : 0.000000\n"));
}

TEST_CASE("a sleeping thread may be moved by kernels from 6.12 on, and by those of unknown version") {
  CHECK_FALSE(may_move_asleep("6.1.0-13-amd64"));
  CHECK_FALSE(may_move_asleep("5.15.0"));
  CHECK_FALSE(may_move_asleep("6.11"));
  CHECK(may_move_asleep("6.12-rc1"));
  CHECK(may_move_asleep("6.18.44-fc"));
  CHECK(may_move_asleep("7.0"));
  CHECK(may_move_asleep(""));
  CHECK(may_move_asleep("next"));
}

TEST_CASE("a thread left its queue at once if both of its times are one, as far as they are counted") {
  CHECK(left_queue_at_once({11'579'388'261'893, 11'579'388'261'376}));
  CHECK(left_queue_at_once({1024, 1024}));
  CHECK_FALSE(left_queue_at_once({2048, 1024}));
  CHECK_FALSE(left_queue_at_once({1024, 1025}));
  CHECK_FALSE(left_queue_at_once({11'579'388'261'893, 0}));
}

TEST_CASE("of the clocks that a thread may have gone to sleep by, the one that gives least counts") {
  const LastRun last{100 * kSecond, 0};
  const uint64_t by_the_first = surely_asleep_ns(last, {103 * kSecond});
  CHECK(surely_asleep_ns(last, {103 * kSecond, 107 * kSecond}) == by_the_first);
  CHECK(surely_asleep_ns(last, {107 * kSecond, 103 * kSecond}) == by_the_first);
  CHECK(surely_asleep_ns(last, {107 * kSecond, 99 * kSecond}) == 0);
  CHECK(surely_asleep_ns(last, {}) == 0);
}

TEST_CASE("the reported time is below the difference by a tick and a thousandth, and grows with it") {
  const LastRun last{100 * kSecond, 0};
  CHECK(surely_asleep_ns(last, {101 * kSecond}) == kSecond - 11 * kMs);
  CHECK(surely_asleep_ns(last, {100 * kSecond + 10 * kMs}) == 0);
  uint64_t before = 0;
  for (uint64_t now = 100 * kSecond; now < 100 * kSecond + 50 * kMs; now += 9'999) {
    const uint64_t said = surely_asleep_ns(last, {now});
    CHECK(said >= before);
    before = said;
  }
}
