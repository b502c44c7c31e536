// Text as the shell reads it: written to standard output, for the launcher to eval.
#pragma once

#include <string_view>

namespace holdwatch {

// In single quotes, whatever it holds.
void print_quoted(std::string_view text);

}  // namespace holdwatch
