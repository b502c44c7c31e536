// What the doctor says about a program's file.
#pragma once

#include <sys/types.h>

#include <string>

#include "symbolizer/tools/doctor/findings.h"

namespace holdwatch {

// As `uid` would execute it. `shown` is what it is called, empty for the path at which it is found.
Look check_program(const std::string& program, const std::string& shown, uid_t uid, Findings& findings);

}  // namespace holdwatch
