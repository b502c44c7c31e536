// What the doctor reports about whether a running process is watched, from its control block, which the commands for
// running processes use too.
#pragma once

#include <sys/types.h>

#include <string>

#include "symbolizer/tools/doctor/findings.h"

namespace holdwatch {

// `why_closed`: empty, or why its memory may not be read; then only what everybody may see of it is used.
// `is_possible`: whether a process of this program can be watched at all.
void check_watch(pid_t pid, const std::string& library, const std::string& why_closed, bool is_possible,
                 Findings& findings);

}  // namespace holdwatch
