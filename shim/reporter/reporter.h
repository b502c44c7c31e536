// The reporter: takes what the watcher found, captures the stacks, checks that it is still true, and passes it to the
// symbolizer.
// Its own thread; cold context. May block for as long as a library or a sink does: nobody waits for it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/contract/settings.h"

namespace holdwatch {

// Starts the thread. 0 or an errno.
int reporter_start(const Settings& settings);

// Waits until the reporter no longer needs any of the loader's locks, for a third of a second at most; returns early if
// the reporter itself waits for a lock.
void reporter_await_loaded();

// The size of its thread's stack; and what it allocates in advance: see lifecycle/both_threads.h.
inline constexpr size_t kReporterStackSize = size_t{1} << 20;  // DWARF readers recurse
void reporter_reserve();

// Waits until everything that was posted is written, not longer than `until_ns` (CLOCK_MONOTONIC); false if it is not.
// The reporter writes nothing that is posted later. At exit only.
bool reporter_finish(uint64_t until_ns);

// Writes what was posted and ends the thread, however long that takes; reporter_start can be called again afterwards.
void reporter_stop();

// After fork, in the child: no reporter, nothing posted.
void reporter_after_fork();

}  // namespace holdwatch
