// Which of a process's limits (setrlimit(2)) is too low for an attachment, and how to raise it.
// Reads /proc only.
#pragma once

#include <string>

namespace holdwatch::control {

// To be appended to what has failed: ": its limit of ... ; raise it: prlimit ...". Empty if all limits are high enough.
std::string limits_in_the_way(int pid);

}  // namespace holdwatch::control
