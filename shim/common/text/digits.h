// Digits as text and back: numbers of any base up to 16, bytes as hexadecimal.
// Any context; pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace holdwatch {

inline constexpr char kDigits[] = "0123456789abcdef";

// Of ASCII, whatever the locale is.
constexpr bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

// Calls `put(character)` for the two digits of each byte.
template <typename Put>
constexpr void put_hex(std::string_view bytes, Put&& put) {
  for (const char character : bytes) {
    const auto byte = static_cast<unsigned char>(character);
    put(kDigits[byte >> 4]);
    put(kDigits[byte & 15]);
  }
}

// Writes a byte that cannot be shown as it is, for example \x1b.
template <typename Put>
constexpr void put_escaped(char byte, Put&& put) {
  put('\\');
  put('x');
  put_hex({&byte, 1}, put);
}

// 16 if it is not a digit. Lower case, which the kernel and compilers use.
constexpr unsigned digit_value(char character) {
  if (character >= '0' && character <= '9') return static_cast<unsigned>(character - '0');
  if (character >= 'a' && character <= 'f') return static_cast<unsigned>(character - 'a') + 10;
  return 16;
}

// The number at the start of `text`, which is removed from it. None, and nothing is removed, if there is no number or
// it needs more than 64 bits.
constexpr std::optional<uint64_t> take_number(std::string_view& text, unsigned base) {
  uint64_t value = 0;
  size_t digits = 0;
  for (; digits < text.size() && digit_value(text[digits]) < base; ++digits) {
    const unsigned digit = digit_value(text[digits]);
    if (value > (UINT64_MAX - digit) / base) return std::nullopt;
    value = value * base + digit;
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

// The number that `text` is; none if there is anything else in it.
constexpr std::optional<uint64_t> number_of(std::string_view text, unsigned base = 10) {
  const std::optional<uint64_t> value = take_number(text, base);
  return text.empty() ? value : std::nullopt;
}

// The number at the start of `text`, 0 if there is none: for what the kernel wrote, such as the name of a thread's directory.
constexpr uint64_t leading_number(std::string_view text) {
  return take_number(text, 10).value_or(0);
}

}  // namespace holdwatch
