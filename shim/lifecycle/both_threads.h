// The watch as a whole: the watcher and the reporter, which are started, stopped and brought through fork and exit together. The
// two know each other only by what handoff has.
// Start context, fork and exit, in threads of the program; or the attachment's thread.
#pragma once

#include "shim/common/contract/settings.h"

namespace holdwatch {

// Starts the watcher and the reporter. Any thread; calling it again does nothing. If they cannot be started, one line
// says so and the program goes on unwatched.
void watch_begin(const Settings& settings);
bool watch_is_on();

// A filter of system calls is about to be installed by the calling thread: what the watch needs, also if it has yet to begin, is
// allocated now.
void watch_prepare_for_filter(const Settings& settings);

// The child of a fork has neither thread: the watch begins anew when the rules say so.
void watch_after_fork();

// Ends both threads, as far as they were started; watch_begin can be called again afterwards. For the end of an attachment, whose thread it is called in.
// Waits for as long as a report takes to be written.
void watch_stop();

// Looks once more, and waits for what the reporter can write in a few milliseconds; what it cannot is said in plain words, if
// reports go to standard error. Called at the program's exit; calling it again does nothing. A report that is being made then goes
// on while the rest of the exit does, and is lost if that is over sooner.
void watch_end();

// Before the program's next thread runs: waits, for a bounded time, until the watch needs no lock of the program's any more.
void watch_await_loaded();

}  // namespace holdwatch
