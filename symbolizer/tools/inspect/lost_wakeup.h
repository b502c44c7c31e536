// Whether the wake-up of a lock's waiters was lost: the lock is free, and they sleep.
// Cold context. Looks at the threads of a running process several times; disturbs none.
#pragma once

#include <functional>

#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

// True only if the rules (common/waits/lost_wakeup.h) have been kept in several looks within a second, with `sleeper` as the thread that
// sleeps for the lock. False for a core file, whose threads may not have been stopped at the same moment.
bool is_wakeup_lost(InspectTarget& target, const Task& sleeper, const std::function<bool()>& is_free,
                    const std::function<bool(const Task&)>& may_be_in_handler);

}  // namespace holdwatch
