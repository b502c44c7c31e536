// After which a wait is reported for its own sake: WAIT_LIMIT; or the limit of a read hold, where the wait shows that one from
// before the attachment, which is in no record, has lasted as long.
// Cold context (watcher).
#pragma once

#include <cstdint>

#include "shim/record/view.h"
#include "shim/timing/timing.h"

namespace holdwatch {

// kNoLimit if waits have none.
uint64_t limit_of_wait_ns(const WaitView& wait, const Timing& timing);
// The smallest that a wait can have now.
uint64_t smallest_limit_of_waits_ns(const Timing& timing);

}  // namespace holdwatch
