// Text in the shell's syntax: written to standard output, for the launcher to eval.
#pragma once

#include <string_view>

namespace holdwatch {

// Quotes the text with single quotes, whatever it contains.
void print_quoted(std::string_view text);

}  // namespace holdwatch
