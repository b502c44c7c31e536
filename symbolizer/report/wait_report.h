// What a holder waits for and who is at the root of that, from a Finding into a Report.
// Pure.
#pragma once

#include <functional>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/report/report.h"

namespace holdwatch {

// The frames at a return address, innermost first, as of the time when the call was made.
using ResolvePlace = std::function<std::vector<Frame>(uintptr_t pc, const Period& when)>;

// Where the wait's last ender made its call.
void add_last_ender(const Wait& wait, const ResolvePlace& resolve, ReportWait& described);

// That the holder can end a wait for its lock. One that has gone cannot, and as long as it has the lock nobody else can.
void add_ender(const ReportHolder& holder, ReportWait& wait);

// Each thread of a deadlock waits for the next one, also where the lock itself does not say who has it.
void name_next_of_cycle(Report& report);

// The report's waiters must be known. Before add_chain: if the holder likely waits for a thread that waits for it, there is no
// root.
void add_likely_cycle(const Finding& finding, Report& report);

// Fills `chain` and the size of the tree from the holder's chain of threads and from those behind it. The report's holders
// and waiters must be described. Once it is over, adds what was seen of the tree to what earlier reports know of the way to its
// root.
void add_chain(const Finding& finding, Report& report);

// How long the holder has waited for the root, or for the next thread on the way to it, at least. After add_chain.
uint64_t holder_waited_ns(const Report& report);

// If the last thread of a chain, which is in the order from the holder to the root, waits for another process alone, that is
// the root. `wait`: that of the last thread.
void add_other_process(const Wait& wait, Report& report);

}  // namespace holdwatch
