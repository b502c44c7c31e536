// A thread's number of context switches: if it is unchanged, a blocked thread has not run in between.
// Cold context only.
#pragma once

#include <cstdint>
#include <optional>

namespace holdwatch {

// For a thread of this process, from /proc/self/task/TID/status; nothing if that cannot be read.
std::optional<uint64_t> thread_switches(int tid);

}  // namespace holdwatch
