// Unicode characters as UTF-8. Any context; pure.
#pragma once

#include <cstdint>
#include <string>

namespace holdwatch {

// Whether there is a character with this number: surrogates are none.
constexpr bool is_character(uint64_t code) {
  return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

// Whether it is one of ASCII's control characters.
constexpr bool is_control(uint64_t code) {
  return code < 0x20 || code == 0x7f;
}

void append_utf8(std::string& out, uint32_t code);

}  // namespace holdwatch
