// Which of a process's limits (setrlimit(2)) is too low for an attachment, and how to raise it.
// Reads /proc only.
#pragma once

#include <string>

namespace holdwatch::attach {

// What remedies a refused thread where no limit of the process itself is reached.
inline constexpr const char* kMoreThreads = ": raise its thread limit (prlimit --nproc, TasksMax=)";

// To be appended to what has failed: ": its limit of ... ; raise it: prlimit ...". Empty if all limits are high enough.
std::string reached_limits(int pid);

}  // namespace holdwatch::attach
