// What the doctor reports about a running process: whether it is watched, and what would prevent watching it.
#pragma once

#include <sys/types.h>

#include <string>

#include "symbolizer/tools/doctor/findings.h"

namespace holdwatch {

// Throws a Refusal if there is no such process, or if the number is a thread's.
Coverage check_process(pid_t pid, const std::string& library, Findings& findings);

}  // namespace holdwatch
