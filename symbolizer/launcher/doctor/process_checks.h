// What the doctor says about a running process: whether it is watched, and what would keep one from watching it.
#pragma once

#include <sys/types.h>

#include <string>

#include "symbolizer/launcher/doctor/findings.h"

namespace holdwatch {

// Returns false if there is no such process.
bool check_process(pid_t pid, const std::string& library, Findings& findings);

}  // namespace holdwatch
