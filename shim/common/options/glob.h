// Shell patterns on names.
// Any context. Replaces fnmatch(3), which depends on the locale and allocates for long patterns.
#pragma once

#include <string_view>

namespace holdwatch {

// True if all of `name` matches: * is any text, ? any one byte, [a-z] one byte of a set, [!a-z] or [^a-z] one that is
// not in it, and a backslash makes the next character literal. A '[' without a closing ']' is literal.
bool glob_matches(std::string_view pattern, std::string_view name);

}  // namespace holdwatch
