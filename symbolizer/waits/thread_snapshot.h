// One look at a thread through its files in /proc: its state and its system call.
// Cold context. Does not affect the thread.
#pragma once

#include "shim/common/contract/finding.h"
#include "symbolizer/activity/thread_files.h"

namespace holdwatch {

struct ThreadLook {
  int namespace_tid = 0;  // its id in its own pid namespace
  Snapshot snapshot{};    // without a copy of its stack
};

// None if the thread no longer exists, or the kernel does not show it.
std::optional<ThreadLook> look_at_thread(const ThreadFiles& files);

// Whether a thread of this process is still where that look found it: it has not run since, or it has been running all the time.
bool has_stayed(const Snapshot& before);
// The same of any thread.
bool has_stayed(const Snapshot& before, const ThreadFiles& files);

}  // namespace holdwatch
