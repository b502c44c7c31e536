// From Finding to Report: adds names and lines to every stack, puts the "taken" stack together, groups the waiters.
// Cold context only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/report/acquisition_stack.h"
#include "symbolizer/report/hold_samples.h"
#include "symbolizer/report/named_stack.h"
#include "symbolizer/report/report.h"
#include "symbolizer/report/sample_shares.h"
#include "symbolizer/report/thread_switches.h"

namespace holdwatch {

// What building a report needs from the other stages.
struct Resolver {
  std::function<std::vector<Frame>(uintptr_t pc, bool exact)> resolve;
  std::function<uintptr_t(uintptr_t pc)> function_start;
  std::function<std::optional<uint64_t>(int tid)> switches = thread_switches;
  StackNamer::LookBack look_back = nullptr;  // for `resolve` and `function_start`
};

// Turns findings into reports. For each episode it remembers where its holders were, to detect whether they have moved;
// where they acquired the lock, which may not be visible later; their samples; and its fingerprint, which must not change.
class ReportBuilder {
 public:
  ReportBuilder(Resolver resolver, std::string host, int pid, std::string exe);
  // `narrow` may leave out a part of the report once its stacks are named. If it returns false, nothing is left: then nothing
  // is remembered either.
  Report build(const Finding& finding, const std::function<bool(Report&)>& narrow = {});
  // Adds a sample of a hold, for the next reports about it. Returns after how long the next one is wanted.
  uint64_t add_sample(const HoldSample& sample) { return samples_.add(sample, resolver_.switches(sample.tid)); }
  // The data of a first line: no stacks, and nothing that needs a look-up.
  Report facts(const Finding& finding) const;

 private:
  // Where a holder was: its stack, and the system call with its arguments. A thread that sends to the next member of a
  // list has moved, though its stack is the same.
  struct HolderPosition {
    std::vector<uintptr_t> pcs;
    SystemCall call;
    std::optional<uint64_t> switches;
    uint64_t since_ns;  // CLOCK_MONOTONIC: it has not run since then
    bool is_same(const HolderPosition& other) const;
  };
  // What was known of the acquisition stack. The hold's start time and call site identify the hold.
  struct Taken {
    uint64_t since_ns;
    CallSite site;
    Stack stack;
    bool is_of(const Holder& holder) const;
  };
  struct EpisodeHistory {
    std::string fingerprint;
    size_t way_threads = 0;  // of its tree at the last report: those on the way to the root, the holder included
    uint64_t way_lost_ns = 0;
    std::map<int, HolderPosition> positions;  // by thread
    std::map<int, Taken> taken;               // likewise
  };

  void add_names(const Finding& finding, Report& report);
  std::optional<ReportSamples> describe_samples(const Finding& finding, const Holder& holder, StackNamer& namer) const;
  std::vector<SampledFrame> name_sample(const SampledRawStack& stack, StackNamer& namer) const;
  void describe_ends(const Holder& holder, uint64_t now_ns, ReportHolder& named) const;
  void follow_episode(const Finding& finding, Report& report);
  static void keep_waiting(ReportHolder& holder, uint64_t now_ns, const HolderPosition& before, HolderPosition& place);
  void keep_acquisition_stacks(const Finding& finding, Report& report, EpisodeHistory& episode);
  void compare_positions(const Finding& finding, Report& report, EpisodeHistory& episode);
  void keep_way(const Finding& finding, const Report& report);
  void forget_oldest();

  Resolver resolver_;
  std::string host_;
  int pid_;
  std::string exe_;
  std::map<uint64_t, EpisodeHistory> episodes_;
  HoldSamples samples_;
};

}  // namespace holdwatch
