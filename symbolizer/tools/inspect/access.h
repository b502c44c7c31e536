// Whether a process can be inspected, and if not, the one line that says why and what to do.
// Cold context.
#pragma once

#include <optional>
#include <string>

#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// The process that `pid` is, or is a thread of; nothing if there is none or it may not be looked at.
std::optional<int> process_to_inspect(int pid, std::string& why);

// Why no thread of an existing process gave its memory map away.
std::string why_not_readable(int pid);

// Empty if the locks of a program with these modules may be glibc's.
std::string why_not_supported(const Modules& modules);

// Whether the C library is one of the modules: a program that has it built in may as well have another one, or locks of its
// own making.
bool has_glibc(const Modules& modules);

}  // namespace holdwatch
