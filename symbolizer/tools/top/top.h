// The part of holdwatch-top that needs libraries: a module, which the program loads once it knows what to do. So the
// program starts even if libraries are missing, and says what to install.
#pragma once

#include "symbolizer/tools/top/command_line.h"

namespace holdwatch::top {

// Exit statuses.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;  // no list could be had, or no more
inline constexpr int kBadUse = 2;

// In the program's directory.
inline constexpr char kTopModule[] = "libholdwatch-top.so";

// Its only function: shows the locks of the process until the user quits, and returns the exit status. Program and module are
// from the same build. Never throws.
using Top = int (*)(const TopArguments& arguments);
inline constexpr char kTopName[] = "holdwatch_top";

}  // namespace holdwatch::top
