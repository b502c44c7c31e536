// Which of a process's limits (setrlimit(2)) is too low for an attachment, and how to raise it.
// Reads /proc only.
#pragma once

#include <string>

namespace holdwatch::attach {

// To be appended to what has failed: ": its limit of ... ; raise it: prlimit ...". Empty if all limits are high enough.
std::string reached_limits(int pid);

}  // namespace holdwatch::attach
