// See words.h.
#include "symbolizer/activity/words.h"

#include "shim/common/text/escaped_text.h"
#include "shim/common/text/text_buffer.h"

namespace holdwatch {
namespace {

bool is_continuation(char character) {
  return (static_cast<unsigned char>(character) & 0xc0) == 0x80;
}

}  // namespace

std::string size_in_words(uint64_t bytes) {
  struct NamedUnit {
    uint64_t size;
    const char* name;
  };
  static constexpr NamedUnit kUnits[] = {{1u << 30, " GiB"}, {1u << 20, " MiB"}, {1u << 10, " KiB"}, {1, " B"}};
  const NamedUnit* unit = kUnits;
  while (unit->size > 1 && bytes < unit->size) ++unit;
  std::string text = std::to_string(bytes / unit->size);
  if (const uint64_t tenth = bytes % unit->size * 10 / unit->size; tenth != 0) text += '.' + std::to_string(tenth);
  return text + unit->name;
}

std::string duration_in_words(uint64_t ns) {
  Line<32> text;
  text << Duration{ns};
  return text.c_str();
}

std::string hex_in_words(uint64_t value) {
  Line<32> text;
  text << Hex{value};
  return text.c_str();
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
  put_printable(text, Escape::unprintable, [&out](char part) { out += part; });
  return out;
}

}  // namespace holdwatch
