// Shell patterns on names.
// Any context. Allocates nothing and does not recurse: time is at most pattern length times name length.
#include "shim/common/options/glob.h"

#include <cstddef>

namespace holdwatch {
namespace {

// One element of a pattern (a character, ?, or a set): where it ends, and whether it matches `character`.
struct Element {
  size_t end;
  bool matches;
};

Element match_set(std::string_view pattern, size_t open, char character) {
  size_t at = open + 1;
  const bool inverted = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (inverted) ++at;
  bool found = false;
  // A ']' that comes first is a member of the set, as in every shell.
  for (const size_t first = at; at < pattern.size() && (pattern[at] != ']' || at == first); ++at) {
    const auto low = static_cast<unsigned char>(pattern[at]);
    auto high = low;
    if (at + 2 < pattern.size() && pattern[at + 1] == '-' && pattern[at + 2] != ']') {
      at += 2;
      high = static_cast<unsigned char>(pattern[at]);
    }
    const auto byte = static_cast<unsigned char>(character);
    if (low <= byte && byte <= high) found = true;
  }
  if (at >= pattern.size()) return {open + 1, character == '['};
  return {at + 1, found != inverted};
}

Element match_element(std::string_view pattern, size_t at, char character) {
  switch (pattern[at]) {
    case '?':
      return {at + 1, true};
    case '[':
      return match_set(pattern, at, character);
    case '\\':
      if (at + 1 < pattern.size()) return {at + 2, pattern[at + 1] == character};
      break;
    default:
      break;
  }
  return {at + 1, pattern[at] == character};
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view name) {
  constexpr size_t kNone = static_cast<size_t>(-1);
  size_t in_pattern = 0;
  size_t in_name = 0;
  // Where to continue when a match fails: after the last star, which then matches one character more. Earlier stars
  // need not be tried again: whatever they could match, the last one can match too.
  size_t behind_star = kNone;
  size_t star_took_to = 0;
  while (in_name < name.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      behind_star = ++in_pattern;
      star_took_to = in_name;
      continue;
    }
    if (in_pattern < pattern.size()) {
      const Element element = match_element(pattern, in_pattern, name[in_name]);
      if (element.matches) {
        in_pattern = element.end;
        ++in_name;
        continue;
      }
    }
    if (behind_star == kNone) return false;
    in_pattern = behind_star;
    in_name = ++star_took_to;
  }
  while (in_pattern < pattern.size() && pattern[in_pattern] == '*') ++in_pattern;
  return in_pattern == pattern.size();
}

}  // namespace holdwatch
