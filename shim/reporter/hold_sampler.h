// Samples the holders of reported locks while their holds last, so that the next reports can say where the time went.
// Cold context (reporter). A running holder is interrupted at most once a second.
#pragma once

#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/handoff/report_request.h"
#include "shim/reporter/report_output.h"
#include "shim/reporter/sample_schedule.h"
#include "shim/reporter/stack_collector.h"

namespace holdwatch {

class HoldSampler {
 public:
  // After the stacks of a finding were captured, and before it is reported: they are samples too.
  void note_captures(const Finding& finding, const ReportOutput& output);
  // After it was reported: its holds are followed from now on, or no longer if they have ended.
  void follow(const ReportRequest& request, const Finding& finding, const ReportOutput& output);

  // CLOCK_MONOTONIC; UINT64_MAX: no sample is wanted.
  uint64_t due_ns();
  // Takes the sample that is due.
  void sample(StackCollector& collector, const ReportOutput& output);

  void clear() { schedule_.clear(); }

 private:
  void forget(uint64_t episode);
  void note(int tid, ThreadState state, const RawStack* stack, uint64_t now_ns, const ReportOutput& output);

  SampleSchedule schedule_;
  uint64_t rest_until_ns_ = 0;
  uint32_t watch_stops_ = 0;
};

}  // namespace holdwatch
