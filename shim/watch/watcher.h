// The watcher: wakes, advances the tick, looks for holds and waits over their limits, hands them to the reporter.
// Its own thread; cold context. Never allocates, never takes a lock, never calls a library that might: the tick must go on
// whatever the program or a sink does.
#pragma once

#include "shim/common/contract/settings.h"

namespace holdwatch {

// Set while this process is attached to: what the watcher does when a command asks to detach.
extern void (*g_ask_for_detachment)();

// Starts the watcher and the reporter. Any thread; calling it again does nothing. If they cannot be started, one line
// says so and the program goes on unwatched.
void watch_begin(const Settings& settings);
bool watch_is_on();

// A filter of system calls is about to be installed by the calling thread: what the watch needs, also if it has yet to begin, is
// allocated now.
void watch_prepare_for_filter(const Settings& settings);

// The child of a fork has neither thread: the watch begins anew when the rules say so.
void watch_after_fork();

// Has every lock that is held now reported, at the watcher's next wake-up, which it brings forward. Any thread.
void watch_snapshot();

// A lock was given a limit of its own, or lost it: the watcher may have been about to sleep too long for it. Any thread.
void watch_limits_changed();

// Brings the next look forward. Any thread.
void watch_look();

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
