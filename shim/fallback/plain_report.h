// The report without the symbolizer: threads, durations and call sites as module+offset (build id), to standard error.
// Cold context (watcher or reporter). No allocation, no library.
#pragma once

#include <string_view>

#include "shim/common/contract/finding.h"
#include "shim/handoff/report_request.h"

namespace holdwatch {

// LOG=none: no text was asked for, so that nothing is written here either. Set once, before the first report.
void set_plain_reports_wanted(bool wanted);

// Only the first line: who holds what since when, and how many wait.
void write_plain_first_line(const ReportRequest& request);

// Whether that was written for one of the last episodes. Any thread.
bool was_said_plainly(uint64_t episode);

// A line that is no report.
void write_plain_notice(std::string_view line);

// All that can be said without names. `holder_count` and on: as in the finding.
void write_plain_report(const Finding& finding);

}  // namespace holdwatch
