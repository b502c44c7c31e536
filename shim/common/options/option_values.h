// Option values from text and back: pure functions that return a value or the reason why there is none.
// Any context. Never prints anything, never reads the environment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/common/text/text_buffer.h"

namespace holdwatch {

// std::string_view::starts_with, which unoptimised code compiles to a call into libstdc++.
inline bool has_prefix(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && std::string_view(text.data(), prefix.size()) == prefix;
}

// `reason` is null if there is a value; otherwise it ends the sentence "LIMIT=abc: ...".
template <typename Value>
struct Parsed {
  Value value;
  const char* reason;
  bool ok() const { return reason == nullptr; }
};

// A number, with or without a fraction, and a unit: ns, us, ms, s, m or h. Only 0 needs no unit. Nothing is rounded:
// values finer than a nanosecond are refused, because 0.0000000001s would otherwise silently turn a limit off.
Parsed<uint64_t> parse_duration(std::string_view text);

// Decimal digits, nothing else.
Parsed<uint64_t> parse_count(std::string_view text);

// The index of the text among the words in `values` (separated by ", ").
Parsed<size_t> parse_choice(std::string_view text, std::string_view values);

// The first "A to B" in `values`, each end read by `parse`. A row without a range allows everything.
struct NumberRange {
  uint64_t lowest;
  uint64_t highest;
  bool contains(uint64_t value) const { return lowest <= value && value <= highest; }
};
NumberRange range_in(std::string_view values, Parsed<uint64_t> (*parse)(std::string_view));

// Null if each % in a path begins a placeholder (%p, %e, %h, %t) or is a literal %%; otherwise the reason.
const char* check_placeholders(std::string_view path);

// Writes the duration exactly, in the form of an option: 1250ms, never 1.2s.
void write_duration(uint64_t ns, TextBuffer& out);

// The word at `index` of `values`.
std::string_view choice_name(size_t index, std::string_view values);

}  // namespace holdwatch
