// The rules of SUPPRESS: which reports are left out, or have a limit of their own.
// Pure. Cold context; one thread.
//
// One rule a line, which a backslash at its end continues; # begins a comment. A rule is the events that it is about and conditions, all of which must hold:
//
//   hold,wait  function=Pool::grow  function=Pool::shrink  lock=pool*  limit=30s
//   condition  function=Worker::run  limit=30s
//
// The second one does not leave anything out: it asks for condition waits, which are not reported without such a rule.
// A condition that is given several times holds if one of its patterns matches. The man page describes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "symbolizer/report/report.h"

namespace holdwatch {

// Patterns for glob_matches.
using Patterns = std::vector<std::string>;

struct SuppressionRule {
  std::string origin;   // "/etc/holdwatch.rules:3", or what the rule came with
  uint32_t events = 0;  // a bit for each Event
  bool asks_for_condition_waits = false;
  Patterns functions, modules, locks, programs, holders, waiters;
  uint64_t limit_ns = UINT64_MAX;  // reported from this age on
  std::string reason;              // for a line that says what is left out; empty: none
  bool has_matched = false;
};

class SuppressionRules {
 public:
  // Adds the rules of a text. Returns one message for each line that is none, with its number: the others hold.
  std::vector<std::string> add(std::string_view text, const std::string& file);

  // Whether a report of these facts, without stacks, may be left out once its stacks are known.
  bool may_leave_out(const Report& facts) const;

  // The first rule that leaves the report out, or null. `at_ns`: the age from which on it is to be reported after all,
  // UINT64_MAX for never.
  const SuppressionRule* leaves_out(const Report& report, uint64_t* at_ns);

  // The smallest limit of the rules that ask for condition waits; 0: none does.
  uint64_t condition_limit_ns() const;

  // Whether a rule asks for these waits of a report about condition waits. `limit_ns` gets the smallest limit of those
  // that match, UINT64_MAX if none does: it asks for waits from this age on.
  bool asks_for(const Report& report, const ReportWaiters& group, uint64_t* limit_ns);

  // The origins of those that have matched nothing.
  std::vector<std::string> unused() const;

 private:
  std::vector<SuppressionRule> rules_;
};

}  // namespace holdwatch
