// The module with the part of a command that needs libraries, beside the command's program.
#pragma once

#include <string>

namespace holdwatch {

// The module's function of that name. If it cannot be loaded: null, and in `why` one line that begins with the command's name and
// says what to do.
void* function_of_module(const std::string& file, const char* name, const std::string& command, std::string& why);

}  // namespace holdwatch
