// What the kernel told a process when it started: its auxiliary vector (getauxval(3)), as /proc/PID/auxv or a core file has it.
// Pure, but for the process's memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// AT_ENTRY and its like.
std::optional<uint64_t> auxiliary_value(std::string_view vector, uint64_t type);

// The path that execve was given; empty if it cannot be read.
std::string started_as(std::string_view vector, MemoryReader& memory);

}  // namespace holdwatch
