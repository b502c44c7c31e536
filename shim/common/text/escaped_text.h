// Text from outside made safe to print: names of threads and files that a client may have chosen.
// Any context; pure.
#pragma once

#include <cstddef>
#include <string_view>

#include "shim/common/text/digits.h"

namespace holdwatch {

// The length of the UTF-8 sequence at the start of `text`, 0 if it is invalid (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF).
constexpr size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto continues = [&](size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0;
    return continues(1) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;
    return continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

// C0, DEL, and C1 in UTF-8 (terminals obey those too).
constexpr bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  return sequence.size() == 2 && first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

enum class Escape { unprintable, unprintable_and_quotes };

// Calls `put(character)` for the text with control characters, and bytes that are not UTF-8, as \xNN: so it can neither
// move the cursor of a terminal nor begin a line of its own in a log. With quotes: \" and \\ too.
template <typename Put>
constexpr void put_printable(std::string_view text, Escape what, Put&& put) {
  while (!text.empty()) {
    const size_t length = utf8_sequence(text);
    const std::string_view piece(text.data(), length == 0 ? 1 : length);
    const bool is_printable = length != 0 && !is_control(piece);
    if (what == Escape::unprintable_and_quotes && (piece == "\"" || piece == "\\")) put('\\');
    for (const char byte : piece) {
      if (is_printable)
        put(byte);
      else
        put_escaped(byte, put);
    }
    text.remove_prefix(piece.size());
  }
}

// In double quotes, which the text cannot end.
template <typename Put>
constexpr void put_quoted(std::string_view text, Put&& put) {
  put('"');
  put_printable(text, Escape::unprintable_and_quotes, put);
  put('"');
}

}  // namespace holdwatch
