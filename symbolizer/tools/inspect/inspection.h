// The part of holdwatch-inspect that needs libraries: a module, which the program loads once it knows what to do, so that it
// starts, and says what to install, where they are missing.
#pragma once

#include "symbolizer/tools/inspect/command_line.h"

namespace holdwatch {

// Exit statuses.
inline constexpr int kNoDeadlock = 0;
inline constexpr int kCouldNotLook = 1;
inline constexpr int kBadUse = 2;
inline constexpr int kDeadlock = 3;

// Beside the program.
inline constexpr char kInspectionModule[] = "libholdwatch-inspect.so";

// Its one function: looks, prints, and returns the exit status. Both are of one build. Never throws.
using Inspection = int (*)(const InspectArguments& arguments);
inline constexpr char kInspectionName[] = "holdwatch_inspection";

}  // namespace holdwatch
