// See punycode.h. The names of the numbers are those of the RFC.
#include "symbolizer/symbols/punycode.h"

#include <cstddef>
#include <cstdint>

#include "shim/common/text/digits.h"
#include "symbolizer/symbols/unicode.h"

namespace holdwatch {

namespace {

constexpr uint32_t kBase = 36, kSkew = 38, kDamp = 700, kTMin = 1, kTMax = 26, kInitialBias = 72;
constexpr uint64_t kInitialCode = 0x80;
constexpr size_t kLongest = 256;

// The value of a digit: a to z, then 0 to 9.
std::optional<uint64_t> value_of(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<uint64_t>(c - 'a');
  if (is_digit(c)) return uint64_t{26} + digit_value(c);
  return std::nullopt;
}

// Takes a number of variable length off the text; nothing if it is incomplete or too large.
std::optional<uint64_t> take_delta(std::string_view& text, uint32_t bias) {
  uint64_t delta = 0, weight = 1;
  for (uint32_t k = kBase; !text.empty(); k += kBase) {
    const std::optional<uint64_t> digit = value_of(text.front());
    if (!digit) return std::nullopt;
    text.remove_prefix(1);
    delta += *digit * weight;
    const uint32_t threshold = k <= bias ? kTMin : k >= bias + kTMax ? kTMax : k - bias;
    if (*digit < threshold) return delta;
    weight *= kBase - threshold;
    if (delta > UINT32_MAX || weight > UINT32_MAX) return std::nullopt;
  }
  return std::nullopt;
}

// The bias for the next number, after `delta` has led to one of `count` places.
uint32_t adapted_bias(uint64_t delta, uint64_t count, bool is_first) {
  delta /= is_first ? kDamp : 2;
  delta += delta / count;
  uint32_t steps = 0;
  for (; delta > (kBase - kTMin) * kTMax / 2; steps += kBase) delta /= kBase - kTMin;
  return steps + kBase * static_cast<uint32_t>(delta) / (static_cast<uint32_t>(delta) + kSkew);
}

}  // namespace

std::optional<std::string> decode_punycode(std::string_view text) {
  if (text.size() > kLongest) return std::nullopt;
  std::u32string characters;
  const size_t end_of_basic = text.rfind('_');
  if (end_of_basic != std::string_view::npos) {
    characters.assign(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end_of_basic));
    text.remove_prefix(end_of_basic + 1);
  }
  uint32_t bias = kInitialBias;
  uint64_t code = kInitialCode, place = 0;
  bool is_first = true;
  while (!text.empty()) {
    const std::optional<uint64_t> delta = take_delta(text, bias);
    if (!delta) return std::nullopt;
    const uint64_t count = characters.size() + 1;
    place += *delta;
    code += place / count;
    place %= count;
    if (!is_character(code)) return std::nullopt;
    characters.insert(characters.begin() + static_cast<std::ptrdiff_t>(place++), static_cast<char32_t>(code));
    bias = adapted_bias(*delta, count, is_first);
    is_first = false;
  }
  std::string out;
  for (const char32_t character : characters) append_utf8(out, character);
  return out;
}

}  // namespace holdwatch
