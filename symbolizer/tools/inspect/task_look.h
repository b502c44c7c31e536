// One look at a thread of another process, and the files of /proc that it takes.
// Cold context. Nothing is noticed there.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

inline constexpr size_t kStatusSize = 16384;

std::string task_file(int pid, int tid, const char* name);

// At most `most` bytes; nothing if the file cannot be read.
std::optional<std::string> read_text(const std::string& path, size_t most);

// In ascending order.
std::vector<int> thread_ids(int pid);

// False if the thread is not there any more.
bool look_at_task(int pid, int tid, Task& out);

}  // namespace holdwatch
