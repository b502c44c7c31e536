// See words.h.
#include "symbolizer/activity/words.h"

#include <array>
#include <charconv>
#include <span>

#include "shim/common/text/digits.h"

namespace holdwatch {
namespace {

struct NamedUnit {
  uint64_t size;
  std::string_view name;
};

// `value` in the largest unit that it reaches; the size of the last unit is 1.
std::string in_units(uint64_t value, std::span<const NamedUnit> units) {
  size_t i = 0;
  while (i + 1 < units.size() && value < units[i].size) ++i;
  const auto [size, name] = units[i];
  std::string text = std::to_string(value / size);
  const uint64_t rest = value % size;
  if (const uint64_t tenth = rest * 10 / size; tenth != 0) text += '.' + std::to_string(tenth);
  return text + ' ' + std::string(name);
}

void append_escaped(std::string& out, char character) {
  put_escaped(character, [&out](char part) { out += part; });
}

bool is_continuation(char character) {
  return (static_cast<unsigned char>(character) & 0xc0) == 0x80;
}

}  // namespace

std::string size_in_words(uint64_t bytes) {
  static constexpr std::array<NamedUnit, 4> kUnits = {
      {{1u << 30, "GiB"}, {1u << 20, "MiB"}, {1u << 10, "KiB"}, {1, "B"}}};
  return in_units(bytes, kUnits);
}

std::string duration_in_words(uint64_t ns) {
  static constexpr std::array<NamedUnit, 4> kUnits = {
      {{1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}, {1, "ns"}}};
  return in_units(ns, kUnits);
}

std::string hex_in_words(uint64_t value) {
  char digits[16];
  const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), value, 16);
  return "0x" + std::string(digits, end);
}

std::string cut_to(std::string_view text, size_t size) {
  constexpr std::string_view kDots = "...";
  if (text.size() <= size) return std::string(text);
  if (size < kDots.size()) return "";
  size_t end = size - kDots.size();
  while (end > 0 && is_continuation(text[end])) --end;
  return std::string(text.substr(0, end)) + std::string(kDots);
}

std::string printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool begins_terminal_control =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (begins_terminal_control) append_escaped(out, text[i++]);
    if (begins_terminal_control || byte < 0x20 || byte == 0x7f) {
      append_escaped(out, text[i]);
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace holdwatch
