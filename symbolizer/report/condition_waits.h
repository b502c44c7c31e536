// The list of condition waits: a report for each distinct stack.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "symbolizer/report/report.h"

namespace holdwatch {

inline constexpr size_t kMaxListedStacks = 32;

// The groups of `all`, each as a report of its own, those with most threads first.
std::vector<Report> listed_by_stack(const Report& all);

// "9 more condition waits in 4 other places not listed"; empty if the list has all. `groups`: the number of threads in each,
// `more`: those that are in no group.
std::string left_out_of_list(std::vector<size_t> groups, size_t more);

}  // namespace holdwatch
