// A list of words in a sentence: "a", "a and b", "a, b and c".
// Any context; pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace holdwatch {

// What stands before the word at `index`, of `count`.
constexpr std::string_view listing_separator(size_t index, size_t count) {
  if (index == 0) return "";
  return index + 1 == count ? " and " : ", ";
}

}  // namespace holdwatch
