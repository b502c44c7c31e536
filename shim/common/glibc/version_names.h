// glibc's version: the one in use, and those in the names of symbols. Needs no C++ library: programs that start with
// every glibc use it too.
#pragma once

#include <gnu/libc-version.h>

#include <cstddef>
#include <string_view>

#include "shim/common/text/digits.h"

namespace holdwatch {

// The NN of "2.NN", as gnu_get_libc_version has it; 0 if it is something else.
constexpr unsigned glibc_minor(std::string_view version) {
  constexpr std::string_view kPrefix = "2.";
  if (version.find(kPrefix) != 0) return 0;
  version.remove_prefix(kPrefix.size());
  return static_cast<unsigned>(leading_number(version));
}

// The NN of the highest GLIBC_2.NN in a table of zero-terminated names; 0 if there is none.
constexpr unsigned highest_glibc_minor(std::string_view names) {
  constexpr std::string_view kPrefix = "GLIBC_2.";
  unsigned highest = 0;
  for (size_t at = names.find(kPrefix); at != std::string_view::npos; at = names.find(kPrefix, at)) {
    at += kPrefix.size();
    const auto minor = static_cast<unsigned>(leading_number({names.data() + at, names.size() - at}));
    if (minor > highest) highest = minor;
  }
  return highest;
}

// The minor version of the glibc in this process, for example 31 for glibc 2.31.
inline unsigned present_glibc_minor() {
  return glibc_minor(gnu_get_libc_version());
}

}  // namespace holdwatch
