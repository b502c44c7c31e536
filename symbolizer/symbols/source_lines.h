// One line of a source file, as it was when the module was built.
// Cold context only.
#pragma once

#include <ctime>
#include <string>

namespace holdwatch {

inline constexpr size_t kMaxSourceText = 200;  // bytes of a line that are kept

// Line `line` (from 1) of the file, without leading and trailing white space; control characters stay, for the renderer
// to escape. Empty if the file cannot be read, is not a regular file, is larger than 16 MiB, or was changed after the
// module was built: then the line may be different by now.
std::string source_line(const std::string& path, int line, const timespec& module_modified);

}  // namespace holdwatch
