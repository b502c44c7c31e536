// Whether the wake-up of a lock's waiters was lost: the lock is free, and they sleep.
// Cold context. Looks at the threads of a running process several times; disturbs none.
#pragma once

#include <functional>

#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

// True only if, in several looks within a second, the lock was free, `sleeper` slept for it all the time, in the kernel's
// queue for its word, and every other thread was seen asleep once in a system call of its own: not stopped, not frozen,
// and not in a signal handler. So none is between freeing the lock and waking a waiter, nor on its way to take the lock.
// False for a core file, whose threads may not have been stopped at the same moment.
bool is_wakeup_lost(InspectTarget& target, const Task& sleeper, const std::function<bool()>& is_free,
                    const std::function<bool(const Task&)>& may_be_in_handler);

}  // namespace holdwatch
