// Which reports are left out: by the rules that come with holdwatch (rules/), for what well-known programs do by design,
// and by those of the file that SUPPRESS names.
// Cold context; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "symbolizer/report/report.h"
#include "symbolizer/report/suppression_rules.h"

namespace holdwatch {

class Suppressions {
 public:
  // Gets a message about a line that is no rule, or a file that cannot be read, and what is done instead.
  using Complain = std::function<void(const char* what, const char* instead)>;
  // Gets an episode that is to be reported again at this age, because a rule leaves it out only until then; of condition waits
  // also UINT64_MAX, for never.
  using ReportAt = std::function<void(uint64_t episode, uint64_t age_ns)>;

  // An empty path, or "none": only the rules that come with holdwatch.
  Suppressions(const std::string& path, const Complain& complain, ReportAt report_at);

  // Whether a report with these facts may be left out once its stacks are named: then its first line must not be
  // written before.
  bool may_leave_out(const Report& facts) const;

  // From which age on a rule asks for condition waits; 0: none does.
  uint64_t condition_limit_ns() const { return users_.condition_limit_ns(); }

  // Of a report about condition waits, which is no list of them: keeps the waits that a rule asks for, and sets the limit.
  void keep_condition_waits(Report& report);

  // Whether to leave the report out. `notice` receives a line to write, or stays empty: a rule with a reason says once
  // what it leaves out. An episode that no rule leaves out any longer becomes a new one.
  bool leaves_out(Report& report, std::string* notice);

  // Lines that name the rules of the file that have matched nothing.
  std::vector<std::string> unused() const;

 private:
  void read(const std::string& path, const Complain& complain);
  bool leaves_out_condition_waits(Report& report);

  SuppressionRules given_;
  SuppressionRules users_;
  ReportAt report_at_;
  std::set<uint64_t> left_out_;  // episodes that have not ended
  std::set<uint64_t> shown_;     // the same of those of condition waits that a rule asks for
  std::set<std::string> said_;   // reasons
};

// Why the lock of this report, about a process that was not watched when it was taken, is held by design; empty if it is
// not. By the rules that come with holdwatch, whatever their functions: it is not known where the lock was taken.
std::string why_held_by_design(const Report& report);

}  // namespace holdwatch
