// Turns a request into a report: checks that it is still true, writes the first line, captures the stacks, checks
// again.
// Cold context (reporter).
#pragma once

#include "shim/common/contract/finding.h"
#include "shim/handoff/report_request.h"
#include "shim/reporter/hold_sampler.h"
#include "shim/reporter/report_output.h"
#include "shim/reporter/reported.h"
#include "shim/reporter/stack_collector.h"

namespace holdwatch {

class ReportMaker {
 public:
  // Reserves memory for stacks. False if there is none.
  bool start() { return stack_collector_.start(); }
  void process(ReportRequest& request, ReportOutput& output);
  // Holds that were reported are sampled: when the next one is to be (CLOCK_MONOTONIC; UINT64_MAX: none), and that.
  uint64_t sample_due_ns() { return sampler_.due_ns(); }
  void sample(const ReportOutput& output) { sampler_.sample(stack_collector_, output); }
  // In a child of fork, or at the end: discards stacks that were being collected.
  void reset() {
    stack_collector_.release();
    sampler_.clear();
  }

 private:
  bool is_wanted(const ReportRequest& request, const ReportOutput& output);
  void report(ReportRequest& request, ReportOutput& output);
  Finding describe(ReportRequest& request);
  bool capture(const ReportRequest& request, Finding& finding);
  void add_readers(const ReportRequest& request, Finding& finding);
  void keep_described_facts(const ReportRequest& request, const Finding& described, Finding& finding);
  Phase reported_phase(const ReportRequest& request) const;

  StackCollector stack_collector_;
  HoldSampler sampler_;
  Holder holders_[kMaxHolders] = {};
  Waiter waiters_[kMaxWaiters] = {};
  BehindThread behind_[Behind::kMaxSteps] = {};
  ReportedEpisodes reported_;
};

}  // namespace holdwatch
