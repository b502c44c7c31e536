// Which of a process's limits (setrlimit(2)) leaves no room for what an attachment wants, and how to raise it.
// Reads /proc only.
#pragma once

#include <string>

namespace holdwatch::control {

// To be put behind what has failed: ": its limit of ... ; raise it: prlimit ...". Empty if no limit is in the way.
std::string limits_in_the_way(int pid);

}  // namespace holdwatch::control
