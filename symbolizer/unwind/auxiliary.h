// What the kernel passed to a process at its start: its auxiliary vector (getauxval(3)), as in /proc/PID/auxv or a core
// file.
// Pure, except for reads of the process's memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// The value of AT_ENTRY and the like.
std::optional<uint64_t> auxiliary_value(std::string_view vector, uint64_t type);

// The path that execve was given; empty if it cannot be read.
std::string started_as(std::string_view vector, MemoryReader& memory);

}  // namespace holdwatch
