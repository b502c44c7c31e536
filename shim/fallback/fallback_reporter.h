// Reports in short form, written by the watcher if the reporter does not reach them.
// Cold context (watcher).
#pragma once

#include <cstdint>

#include "shim/common/contract/settings.h"
#include "shim/handoff/report_request.h"

namespace holdwatch {

// Whether the oldest request has waited for the reporter for too long, or the process exits.
bool reporter_is_stuck();

// Writes the first line of the request, if RATE allows it.
void write_short_report(const ReportRequest& request, uint64_t now_ns);

// Short reports of requests that have waited too long. While the reporter is stuck, these are all phases of all episodes, as many
// per minute as RATE allows.
class FallbackReporter {
 public:
  void start(const Settings& settings);
  void report_for_stuck_reporter(uint64_t now_ns);
  // At exit, if reports go to standard error: for every request without a report, and for what no longer fits into the queue.
  // `end` prints how many of them RATE has suppressed.
  void take_over(uint64_t now_ns) const;
  void end(uint64_t now_ns) const;

 private:
  void explain_once();

  uint64_t timeout_ns_ = 0;
  bool reason_written_ = false;
  bool writes_to_standard_error_ = false;
};

}  // namespace holdwatch
