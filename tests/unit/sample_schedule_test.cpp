// The rules of shim/reporter/sample_schedule.h.
#include "shim/reporter/sample_schedule.h"

#include <memory>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNoReport = 1'000'000 * kSecond;  // a limit at whose multiples nothing happens

struct Schedule {
  std::unique_ptr<SampleSchedule> schedule = std::make_unique<SampleSchedule>();

  void add(uint64_t episode, int tid, uint64_t limit_ns = kNoReport) {
    HolderState holder{};
    holder.hold.tid = tid;
    holder.hold.identity.number = episode;
    schedule->add(episode, holder, 0, limit_ns);
  }
  // A capture of the thread, of which each hold wants the next sample after `interval_ns`; how many holds it counts for.
  int capture(int tid, uint64_t now_ns, uint64_t interval_ns = kSecond) {
    int count = 0;
    schedule->captured(tid, now_ns, [&](const SampledHold&) { return ++count, interval_ns; });
    return count;
  }
  uint64_t due_ns() {
    uint64_t due_ns;
    schedule->next(&due_ns);
    return due_ns;
  }
};

}  // namespace

TEST_CASE_METHOD(Schedule, "a hold is sampled again after the time that its last sample asked for") {
  CHECK(due_ns() == SampleSchedule::kNever);
  add(1, 11);
  CHECK(capture(11, 10 * kSecond) == 1);
  CHECK(due_ns() == 11 * kSecond);
  CHECK(capture(11, 11 * kSecond, 4 * kSecond) == 1);
  CHECK(due_ns() == 15 * kSecond);
}

TEST_CASE_METHOD(Schedule,
                 "no capture of a thread is followed by a sample of it within a second, whichever hold it was for") {
  add(1, 11);
  capture(11, 10 * kSecond, 4 * kSecond);
  add(2, 11);
  add(3, 12);
  CHECK(capture(11, 12 * kSecond) == 1);  // the first hold has its next sample at 14 s
  CHECK(due_ns() == 13 * kSecond);
  CHECK(capture(11, 13 * kSecond + kSecond / 2) ==
        2);  // by a report: a sample of the first hold too, which is almost due
  CHECK(due_ns() == 14 * kSecond + kSecond / 2);
}

TEST_CASE_METHOD(Schedule, "reports that follow each other fast are not more samples, but put the next one off") {
  add(1, 11);
  CHECK(capture(11, 10 * kSecond) == 1);
  CHECK(capture(11, 10 * kSecond + kSecond / 4) == 0);
  CHECK(capture(11, 10 * kSecond + kSecond / 2) == 0);
  CHECK(due_ns() == 11 * kSecond + kSecond / 2);
  CHECK(capture(11, 11 * kSecond) == 1);
}

TEST_CASE_METHOD(Schedule, "a sample is left to the report that is about to capture the thread") {
  add(1, 11, 2 * kSecond);
  capture(11, 2 * kSecond + 10);  // the report at the limit; the next ones are at 4 s and 8 s
  CHECK(due_ns() == 3 * kSecond + 10 + kSecond + SampleSchedule::kReportDelayNs - 10);
  capture(11, 4 * kSecond + 10);
  CHECK(due_ns() == 5 * kSecond + 10);
  capture(11, 5 * kSecond + 10, 2 * kSecond);
  CHECK(due_ns() == 8 * kSecond + SampleSchedule::kReportDelayNs);
}

TEST_CASE_METHOD(Schedule, "of many holds the oldest are no longer followed") {
  for (uint64_t episode = 1; episode <= SampleSchedule::kMax + 1; ++episode) {
    add(episode, static_cast<int>(episode));
    capture(static_cast<int>(episode), 10 * kSecond);
  }
  CHECK(capture(1, 20 * kSecond) == 0);
  CHECK(capture(2, 20 * kSecond) == 1);
  Identity last{};
  last.number = SampleSchedule::kMax + 1;
  CHECK(schedule->has(SampleSchedule::kMax + 1, last));
  schedule->drop_if([](const SampledHold& hold) { return hold.episode == SampleSchedule::kMax + 1; });
  CHECK_FALSE(schedule->has(SampleSchedule::kMax + 1, last));
  schedule->clear();
  CHECK(due_ns() == SampleSchedule::kNever);
}
