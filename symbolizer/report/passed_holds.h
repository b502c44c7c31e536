// The holds that passed a waiting thread by, by the places where they were taken.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "shim/common/contract/passed_by.h"
#include "symbolizer/report/named_stack.h"
#include "symbolizer/report/report.h"

namespace holdwatch {

// Without the places, which need names.
ReportPassed describe_passed(const PassedBy& passed);

// Adds the places: the innermost frame of the program's. Those that have the same frame are one.
void name_passed(const PassedBy& passed, StackNamer& namer, ReportPassed& out);

// "at least 37 holds since 4711 "writer" began to wait", and a line for each of the most frequent places.
std::vector<std::string> passed_lines(const ReportPassed& passed);

}  // namespace holdwatch
