// The watcher and the reporter together: start, stop, fork and exit. The two know each other only through handoff.
// Start context, fork and exit, in threads of the program; or the attachment's thread.
#pragma once

#include "shim/common/contract/settings.h"

namespace holdwatch {

// Starts the watcher and the reporter. Any thread; calling it again does nothing. If they cannot be started, one line
// says so and the program continues unwatched.
void watch_begin(const Settings& settings);
bool watch_is_on();

// The calling thread is about to install a system call filter: allocates now what watching will need, even if it has
// not begun yet.
void watch_prepare_for_filter(const Settings& settings);

// In the child of a fork, which has neither thread: watching begins again under the same conditions as in its parent.
void watch_after_fork();

// Ends both threads, as far as they were started; watch_begin can be called again afterwards. For the end of an
// attachment, in its thread. Waits for as long as it takes to write a report.
void watch_stop();

// Scans once more, and waits for what the reporter can write in a few milliseconds; the rest becomes short reports, if
// reports go to standard error. Called at the program's exit; calling it again does nothing. A report that is being
// made at that time continues during the rest of the exit, and is lost if the process ends first.
void watch_end();

// Called before the program's next thread runs: waits, for a bounded time, until our threads no longer need a lock of
// the program.
void watch_await_loaded();

}  // namespace holdwatch
