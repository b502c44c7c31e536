// What the doctor reports about a program's file.
#pragma once

#include <sys/types.h>

#include <string>

#include "symbolizer/tools/doctor/findings.h"

namespace holdwatch {

// As if `uid` executed it. `shown` is its name in messages, empty for the path at which it is found.
Coverage check_program(const std::string& program, const std::string& shown, uid_t uid, Findings& findings);

}  // namespace holdwatch
