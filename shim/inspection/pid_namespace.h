// Our pid namespace (pid_namespaces(7)): what of others it hides from us, and what the kernel refuses because of it.
// Cold context. Reads /proc.
#pragma once

#include "shim/common/proc/memory_range.h"

namespace holdwatch {

// Start context, at load time: takes note of our namespace. The children that a fork makes may be in another one, and only this
// note tells them.
void note_pid_namespace();

// Whether all processes that may map this memory are in /proc, if they still exist. So it is where we see all processes of the
// machine; and of anonymous memory, which only forks pass on, if the program was started in the namespace in which it is now.
// In a container, a process of another one, or the parent of both, may have the same file mapped and not be seen.
bool are_all_sharers_visible(const SharedPage& memory);

// After unshare(CLONE_NEWPID), which is about later children, the kernel gives the process no more threads.
bool are_threads_refused();

}  // namespace holdwatch
