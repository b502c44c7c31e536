// From what was seen to reports: deadlocks, locks whose owner is gone, and plain waits with the chain behind them.
// Pure.
#pragma once

#include <vector>

#include "symbolizer/report/report.h"
#include "symbolizer/tools/inspect/observation.h"

namespace holdwatch {

// What can never end comes first. One report for each lock that is waited for; the locks of one cycle share one, and have
// another only where threads outside of the cycle wait too.
std::vector<Report> reports_of(const Observation& seen);

// Whether what is reported can never end by itself.
bool is_forever(const Report& report);

}  // namespace holdwatch
