// Shell patterns on names.
// Any context. In place of fnmatch(3), which asks the locale and allocates for long patterns.
#pragma once

#include <string_view>

namespace holdwatch {

// True if all of `name` matches: * is any text, ? any one byte, [a-z] one of a set, [!a-z] or [^a-z] none of it, and a
// backslash takes the next character literally. A '[' that is never closed stands for itself.
bool glob_matches(std::string_view pattern, std::string_view name);

}  // namespace holdwatch
