// The list of condition waits (symbolizer/report/condition_waits.h), and its text.
#include "symbolizer/report/condition_waits.h"

#include "tests/catch.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

namespace {

Report list_of(size_t groups) {
  Report report = sample_report();
  report.event = Event::wait;
  report.phase = Phase::snapshot;
  report.lock_kind = LockKind::condition;
  report.lock_id = report.lock_name = "";
  report.lock_address = 0;
  report.holders.clear();
  report.waiters.clear();
  for (size_t i = 0; i < groups; ++i) {
    report.waiters.push_back(sample_readers(i + 1));
    report.waiters.back().access = Access::exclusive;
    report.waiters.back().stack.frames[0].function = "Worker::run" + std::to_string(i);
  }
  return report;
}

}  // namespace

TEST_CASE("each stack of condition waits is listed as one short block, those with most threads first") {
  Report all = list_of(2);
  all.waiters[1].lock_id = "L7";
  all.waiters[1].object = 0x5000;
  std::vector<Report> list = listed_by_stack(all);
  REQUIRE(list.size() == 2);
  CHECK(list[0].lock_id == "L7");
  CHECK(list[0].lock_address == 0x5000);
  CHECK(list[1].lock_id.empty());
  CHECK(list[0].fingerprint != list[1].fingerprint);
  list[0].lock_name = "queue_changed";
  CHECK(render_text(list[0]) ==
        "holdwatch[4700]: snapshot: 2 threads in a condition wait on L7, longest 11.9 s\n"
        "  lock    L7 condition 0x5000 queue_changed\n"
        "  waits   2 threads, longest 11.9 s: 4721 \"visitor\", 4722 \"visitor\"\n"
        "          #0 Worker::run1  room.cpp:60\n");
  CHECK(render_text(list[1]).starts_with("holdwatch[4700]: snapshot: 1 thread in a condition wait, 11.9 s\n  waits "));
}

TEST_CASE("a list of condition waits has an end") {
  CHECK(listed_by_stack(list_of(kMaxListedStacks + 2)).size() == kMaxListedStacks);
  CHECK(left_out_of_list({3, 1}, 0).empty());
  CHECK(left_out_of_list({3, 1}, 2) == "2 more condition waits not listed");
  std::vector<size_t> groups(kMaxListedStacks, 9);
  groups.insert(groups.begin(), {1, 2});
  CHECK(left_out_of_list(groups, 0) == "3 more condition waits in 2 other places not listed");
}

TEST_CASE("a condition wait that a rule asks for says how long, and no holder") {
  Report report = list_of(1);
  report.phase = Phase::over;
  report.limit_ns = kSecondNs;
  report.lock_id = "L7";
  CHECK(render_text(report).starts_with(
      "holdwatch[4700]: thread 4721 \"visitor\" has waited 11.9 s for condition L7 (limit 1 s)\n"));
  report.lock_id = "";
  CHECK(render_text(report).starts_with(
      "holdwatch[4700]: thread 4721 \"visitor\" has waited 11.9 s for a condition (limit 1 s)\n"));
  report.phase = Phase::still;
  CHECK(render_text(report) == "holdwatch[4700]: 4721 \"visitor\" still waits for a condition, 11.9 s\n");
}
