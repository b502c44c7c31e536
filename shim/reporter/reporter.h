// The reporter: takes what the watcher found, captures the stacks, checks that it is still true, and hands it to the
// symbolizer.
// Its own thread; cold context. May block for as long as a library or a sink does: nobody waits for it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/settings.h"

namespace holdwatch {

// Starts the thread. 0 or an errno.
int reporter_start(const Settings& settings);

// Waits until the reporter needs none of the loader's locks any more, for a third of a second at most; not if it waits for one
// itself.
void reporter_await_loaded();

// The stack that its thread gets, and what it allocates, ahead of time; see lifecycle/both_threads.h.
inline constexpr size_t kReporterStackSize = size_t{1} << 20;  // DWARF readers recurse
void reporter_reserve();

// Waits until all that was posted is written, not longer than `until_ns` (CLOCK_MONOTONIC). False: it is not. The reporter writes
// no more than that. At exit only.
bool reporter_finish(uint64_t until_ns);

// Writes what was posted and ends the thread, however long that takes; reporter_start can be called again afterwards.
void reporter_stop();

// Before fork: waits, for a bounded time, until the reporter is not inside the loader, whose lock the child would inherit
// locked; not if it waits for a lock itself, with none held. After fork, in the child: no reporter, nothing posted.
void reporter_before_fork();
void reporter_after_fork();

}  // namespace holdwatch
