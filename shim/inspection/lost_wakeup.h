// Whether the wake-up of a lock's waiters was lost: the lock is free, and they sleep.
// Cold context (watcher). Reads the lock, and files of /proc; disturbs no thread.
#pragma once

#include <cstdint>

#include "shim/inspection/lock_index.h"
#include "shim/record/lock_word.h"

namespace holdwatch {

// One more look at a lock that is waited for. True once all of this has been shown since the first of several looks, at
// least `limit_ns` ago: the lock was free at each look; a thread that waits for it without a timeout has slept for it all
// the time, in the kernel's queue for its word; and no thread of the process is between freeing a lock and waking a
// waiter, or on its way to take the lock: each was seen asleep in a system call of its own, not stopped, not frozen, not
// in a signal handler. False if that cannot be shown.
bool is_wakeup_lost(LockWord lock, LockIndex& lock_index, uint64_t now_ns, uint64_t limit_ns);

void forget_lost_wakeups();

}  // namespace holdwatch
