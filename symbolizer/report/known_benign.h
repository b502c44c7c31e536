// Locks that well-known programs hold for ever on purpose: true, but no find. What a person would call a false alarm is
// left out of the log, with one line that says so.
// Pure but for the memory of which episodes were left out; cold context.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "symbolizer/report/report.h"

namespace holdwatch {

// Why the report's lock is held by design, or null. The rules are few and narrow: a program's name and how it uses a lock.
// `was_watched`: whether the process was, when the lock was taken.
const char* why_known_benign(const Report& report, bool was_watched);

class KnownBenign {
 public:
  // Whether a report of this program may be left out once its stacks are named: nothing of it must be said before.
  static bool may_leave_out(const Report& report);

  // Whether to leave the report out: its episode is by design and nothing of it was shown. `notice` receives a line to
  // write for the first one, and stays empty for the others. An episode that is by design no more becomes a new one.
  bool leaves_out(Report& report, std::string* notice);

 private:
  std::set<uint64_t> left_out_;  // episodes that go on
  bool said_ = false;
};

}  // namespace holdwatch
