// The report without the symbolizer: threads, durations and call sites as module+offset (build id), to standard error.
// Cold context (watcher or reporter). No allocation, no library.
#pragma once

#include <string_view>

#include "shim/common/contract/finding.h"
#include "shim/common/text/text_buffer.h"
#include "shim/handoff/report_request.h"

namespace holdwatch {

// LOG=none: no text is wanted, so nothing is written here either. Set once, before the first report.
void set_plain_reports_wanted(bool wanted);

// Only the first line: which thread holds what for how long, and how many wait.
void write_plain_first_line(const ReportRequest& request);
void append_plain_first_line(const ReportRequest& request, TextBuffer& out);

// Whether it was written for one of the last episodes. Any thread.
bool had_fallback_report(uint64_t episode);

// A line that is not a report.
void write_plain_notice(std::string_view line);

// Everything that is known without names. `holder_count` and on: as in the finding.
void write_plain_report(const Finding& finding);

}  // namespace holdwatch
