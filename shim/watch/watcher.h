// The watcher: wakes, advances the tick, looks for holds and waits over their limits, hands them to the reporter.
// Its own thread; cold context. Never allocates, never takes a lock, never calls a library that might: the tick must go on
// whatever the program or a sink does.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/settings.h"

namespace holdwatch {

inline constexpr size_t kWatcherStackSize = 128 * 1024;

// Starts the thread; the reporter's has been started. 0 or an errno.
int watcher_start(const Settings& settings);

// Waits until the thread has ended, if it was started; what it knows stays until watcher_reset.
void watcher_stop();
void watcher_reset();

// The child of a fork has no such thread.
void watcher_after_fork();

// Has every lock that is held now reported, at the watcher's next wake-up, which it brings forward. Any thread.
void watcher_snapshot();

// A lock was given a limit of its own, or lost it: the watcher may have been about to sleep too long for it. Any thread.
void watcher_limits_changed();

// At exit: a look now; and one that says in plain words what the reporter has not come to, if reports go to standard error. Each
// is waited for, not longer than `timeout_ns`.
void watcher_look(uint64_t timeout_ns);
void watcher_speak_last(uint64_t timeout_ns);

}  // namespace holdwatch
