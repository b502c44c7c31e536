// From observation to reports: deadlocks, locks whose owner is gone, and plain waits with the chain of threads behind
// them.
// Pure.
#pragma once

#include <vector>

#include "symbolizer/report/report.h"
#include "symbolizer/tools/inspect/observation.h"

namespace holdwatch {

// Waits that can never end come first. One report for each lock that is waited for; the locks of one cycle share one,
// and have a second one only if threads outside the cycle wait too.
std::vector<Report> reports_of(const Observation& seen);

// Whether the reported wait can never end by itself.
bool is_forever(const Report& report);

}  // namespace holdwatch
