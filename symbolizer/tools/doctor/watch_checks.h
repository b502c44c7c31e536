// What the doctor says about whether a running process is watched: what its control block says, which the commands that reach
// into it go by too.
#pragma once

#include <sys/types.h>

#include <string>

#include "symbolizer/tools/doctor/findings.h"

namespace holdwatch {

// `why_closed`: empty, or why its memory may not be read; then what everybody may see of it has to do. `is_possible`: whether
// a process of this program can be watched at all.
void check_watch(pid_t pid, const std::string& library, const std::string& why_closed, bool is_possible,
                 Findings& findings);

}  // namespace holdwatch
