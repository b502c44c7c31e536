// The watcher: wakes up, advances the tick, looks for holds and waits over their limits, passes them to the reporter.
// Its own thread; cold context. Never allocates, never takes a lock, never calls a library that might: the tick must
// advance whatever the program or an output does.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/settings.h"

namespace holdwatch {

inline constexpr size_t kWatcherStackSize = 192 * 1024;

// Starts the thread, after the reporter's. 0 or an errno.
int watcher_start(const Settings& settings);

// Waits until the thread has ended, if it was started; its data stay valid until watcher_reset.
void watcher_stop();
void watcher_reset();

// For the child of a fork, which has no such thread.
void watcher_after_fork();

// Requests a report of every lock that is held now, and wakes the watcher for it. Any thread.
void watcher_snapshot();

// The limit of one lock was set or removed: the watcher's present sleep may be too long for it. Any thread.
void watcher_limits_changed();

// At exit. watcher_scan_now: makes the watcher scan now. watcher_write_final_reports: makes it write short reports of what the
// reporter has not reached, if reports go to standard error. Each waits for the watcher, at most `timeout_ns`.
void watcher_scan_now(uint64_t timeout_ns);
void watcher_write_final_reports(uint64_t timeout_ns);

}  // namespace holdwatch
