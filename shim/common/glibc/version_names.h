// glibc's version: the one in use, and those in the names of symbols. Needs no C++ library: programs that start with
// every glibc use it too.
#pragma once

#include <gnu/libc-version.h>

#include <cstddef>
#include <cstring>
#include <string_view>

namespace holdwatch {

// The NN at the start of "34" or "34\0..."; 0 if there is none. Not strtoul: glibc's own may have a new symbol version.
constexpr unsigned leading_number(std::string_view text) {
  unsigned number = 0;
  for (size_t at = 0; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
    number = 10 * number + static_cast<unsigned>(text[at] - '0');
  return number;
}

// The NN of the highest GLIBC_2.NN in a table of zero-terminated names; 0 if there is none.
constexpr unsigned highest_glibc_minor(std::string_view names) {
  constexpr std::string_view kPrefix = "GLIBC_2.";
  unsigned highest = 0;
  for (size_t at = names.find(kPrefix); at != std::string_view::npos; at = names.find(kPrefix, at)) {
    at += kPrefix.size();
    const unsigned minor = leading_number({names.data() + at, names.size() - at});
    if (minor > highest) highest = minor;
  }
  return highest;
}

// The minor version of the glibc in this process, for example 31 for glibc 2.31.
inline unsigned present_glibc_minor() {
  const char* dot = std::strchr(gnu_get_libc_version(), '.');
  return dot == nullptr ? 0 : leading_number(dot + 1);
}

}  // namespace holdwatch
