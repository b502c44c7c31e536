// What a holder waits for and who is at the root of that, from a Finding into a Report.
// Pure.
#pragma once

#include "shim/common/contract/finding.h"
#include "symbolizer/report/report.h"

namespace holdwatch {

// Fills `chain` and the size of the tree from the holder's chain of threads and from those behind it. The report's holders
// and waiters must be described.
void add_chain(const Finding& finding, Report& report);

// If the last thread of a chain, which is in the order from the holder to the root, waits for another process, that is the
// root.
void add_other_process(Report& report);

}  // namespace holdwatch
