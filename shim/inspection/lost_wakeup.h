// Whether the wake-up of a lock's waiters was lost: the lock is free, and they sleep.
// Cold context (watcher). Reads the lock, and files of /proc; disturbs no thread.
#pragma once

#include <cstdint>

#include "shim/inspection/lock_index.h"
#include "shim/record/lock_word.h"

namespace holdwatch {

// One more look at a lock that is waited for. True once the rules (common/waits/lost_wakeup.h) have been kept since the first
// of several looks, at least `limit_ns` ago. False if that cannot be shown.
bool is_wakeup_lost(LockWord lock, LockIndex& lock_index, uint64_t now_ns, uint64_t limit_ns);

void forget_lost_wakeups();

}  // namespace holdwatch
