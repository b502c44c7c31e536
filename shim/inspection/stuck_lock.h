// Whether the waiters of a lock can never get it because of the lock itself, whoever holds it.
// Cold context (watcher). Reads the lock, and files of /proc; disturbs no thread.
#pragma once

#include "shim/common/contract/finding.h"
#include "shim/inspection/corrupt_lock.h"
#include "shim/inspection/lost_wakeup.h"

namespace holdwatch {

// corrupt or lost_wakeup; wait if neither is shown. To be asked repeatedly while the lock is waited for: a lost wake-up shows
// only after several looks.
inline Event event_of_waits(LockWord lock, LockIndex& lock_index, uint64_t now_ns, uint64_t limit_ns) {
  if (is_corrupt(lock, lock_index)) return Event::corrupt;
  return is_wakeup_lost(lock, lock_index, now_ns, limit_ns) ? Event::lost_wakeup : Event::wait;
}

}  // namespace holdwatch
