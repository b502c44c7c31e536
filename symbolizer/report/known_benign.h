// Locks that well-known programs hold forever on purpose: their reports are true, but useless. They are left out of the
// log, and one line says so.
// Pure except for the set of episodes that were left out; cold context.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "symbolizer/report/report.h"

namespace holdwatch {

// Why the report's lock is held on purpose, or null. The rules are few and narrow: a program's name and how it uses a
// lock. `was_watched`: whether the process was already watched when the lock was taken.
const char* why_known_benign(const Report& report, bool was_watched);

class KnownBenign {
 public:
  // Whether a report of this program may be left out once its stacks are named: then its first line must not be written
  // before.
  static bool may_leave_out(const Report& report);

  // Whether to leave the report out: its episode is known to be benign and no part of it was written. `notice` receives
  // a line to write for the first one, and stays empty for the others. An episode that is no longer benign becomes a
  // new one.
  bool leaves_out(Report& report, std::string* notice);

 private:
  std::set<uint64_t> left_out_;  // episodes that have not ended
  bool notice_given_ = false;
};

}  // namespace holdwatch
