// From observation to reports: deadlocks, locks whose owner is gone, and plain waits with the chain of threads behind
// them.
// Pure.
#pragma once

#include <vector>

#include "symbolizer/report/report.h"
#include "symbolizer/tools/inspect/observation.h"

namespace holdwatch {

// Waits that can never end come first. One report for each deadlock, with all who wait behind it, and one for each other tree
// of waiting threads, about the lock of its root, or the lock nearest to that.
std::vector<Report> reports_of(const Observation& seen);

// Whether the reported wait can never end by itself.
bool is_forever(const Report& report);

}  // namespace holdwatch
