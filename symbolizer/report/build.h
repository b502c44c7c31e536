// Finding to Report: names and lines for every stack, the "taken" stack put together, waiters grouped.
// Cold context only.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "shim/base/plain.h"
#include "symbolizer/report/report.h"

namespace holdwatch {

// What building a report needs from the other stages.
struct Resolver {
  std::function<std::vector<Frame>(uintptr_t pc, bool exact)> resolve;
  std::function<uintptr_t(uintptr_t pc)> function_start;
  std::function<std::string(const Holder&)> describe;  // the cause line
};

// The frames of an acquisition as addresses: the recorded call sites, and beyond them the live stack, as long as the
// acquiring frame is alive. `own_frame` is the index in `now` of the frame that took the lock, -1 if it has returned.
struct TakenStack {
  RawStack stack;
  int own_frame;
};
TakenStack assemble_taken(const Holder& holder, const std::function<uintptr_t(uintptr_t)>& function_start);

// Remembers per episode where each holder was, to say whether it moved.
class ReportBuilder {
 public:
  ReportBuilder(Resolver resolver, std::string host, int pid, std::string exe);
  Report build(const Finding& finding);

 private:
  Resolver resolver_;
  std::string host_;
  int pid_;
  std::string exe_;
  std::map<uint64_t, std::map<int, std::vector<uintptr_t>>> places_;  // episode -> tid -> pcs at the last report
};

}  // namespace holdwatch
