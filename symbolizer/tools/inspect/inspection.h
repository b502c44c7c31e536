// The part of holdwatch-inspect that needs libraries: a module, which the program loads once it knows what to do. So
// the program starts even if libraries are missing, and says what to install.
#pragma once

#include "symbolizer/tools/inspect/command_line.h"

namespace holdwatch {

// Exit statuses.
inline constexpr int kNoDeadlock = 0;
inline constexpr int kCouldNotLook = 1;
inline constexpr int kBadUse = 2;
inline constexpr int kDeadlock = 3;

// In the program's directory.
inline constexpr char kInspectionModule[] = "libholdwatch-inspect.so";

// Its only function: inspects, prints, and returns the exit status. Program and module are from the same build. Never
// throws.
using Inspection = int (*)(const InspectArguments& arguments);
inline constexpr char kInspectionName[] = "holdwatch_inspection";

}  // namespace holdwatch
