// Whether a process can be inspected, and if not, the one line that says why and what to do.
// Cold context.
#pragma once

#include <optional>
#include <string>

#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// The id of the process that `pid` is, or is a thread of; nothing if there is none or access is denied.
std::optional<int> process_to_inspect(int pid, std::string& why);

// Why the memory map of an existing process could not be read through any of its threads.
std::string why_not_readable(int pid);

// Empty if the locks of a program with these modules may be glibc's.
std::string why_not_supported(const Modules& modules);

// Whether the C library is one of the modules: a statically linked program may contain another C library, or implement
// its own locks.
bool has_glibc(const Modules& modules);

}  // namespace holdwatch
