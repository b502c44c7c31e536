// What the doctor reports about this machine: whether our libraries load, and what the kernel allows us to see.
#pragma once

#include <string>

#include "symbolizer/tools/doctor/findings.h"

namespace holdwatch {

void check_host(const std::string& library, Findings& findings);

}  // namespace holdwatch
