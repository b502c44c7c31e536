// Whether the environment allows colors on a terminal: for the shim, which reads the program's environment, and the tools.
// Pure.
#pragma once

#include <string_view>

namespace holdwatch {

// The values of TERM and NO_COLOR, null if they are not set. NO_COLOR counts unless it is empty (https://no-color.org).
inline bool allows_color(const char* terminal, const char* no_color) {
  const bool is_refused = no_color != nullptr && *no_color != '\0';
  return !is_refused && terminal != nullptr && *terminal != '\0' && std::string_view(terminal) != "dumb";
}

}  // namespace holdwatch
