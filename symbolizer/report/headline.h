// The first line of a text report, which must be enough to act on.
// Pure.
#pragma once

#include <cstdint>
#include <string>

#include "symbolizer/report/report.h"

namespace holdwatch {

// Without the leading "holdwatch[PID]: " and without a newline.
std::string headline(const Report& report);

// `4711 "bcast"`, or the number alone for a thread without a name.
std::string thread_label(int tid, const std::string& name);

// The same for a holder; for a thread of another process, with that process's label.
std::string holder_label(const ReportHolder& holder);

// How long the oldest of what the report is about has lasted: a hold or, of a wait, a wait.
uint64_t oldest_age_ns(const Report& report);

// The number of waiting threads, including those whose stacks were not captured.
size_t waiting_threads(const Report& report);

// "running", "blocked in poll(fd 3)", "waits for L4, in futex(L4)", "stopped".
std::string activity(const ReportHolder& holder);

}  // namespace holdwatch
