// How bad it is what a report says: the priority in logs, and the color on a terminal.
#pragma once

#include "symbolizer/report/report.h"

namespace holdwatch {

// The severities of syslog(3) that are used for reports.
enum class Severity : int { error = 3, warning = 4, info = 6 };

// What can never end is an error, what lasts too long a warning, and its end only information.
inline Severity severity_of(const Report& report) {
  if (report.phase == Phase::released) return Severity::info;
  return ending_of(report.event) == Ending::lasts_forever ? Severity::error : Severity::warning;
}

}  // namespace holdwatch
