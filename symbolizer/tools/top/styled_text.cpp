// See styled_text.h.
#include "symbolizer/tools/top/styled_text.h"

#include <algorithm>
#include <iterator>

namespace holdwatch::top {
namespace {

constexpr std::string_view kCut = "…";

struct Range {
  uint32_t first, last;
};
// The marks that are put over or beside the character before them, and signs without a shape.
constexpr Range kNarrowest[] = {{0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}};
constexpr Range kWide[] = {{0x1100, 0x115F},  {0x2E80, 0x303E},   {0x3041, 0x4DBF},   {0x4E00, 0xA4CF},
                           {0xAC00, 0xD7A3},  {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
                           {0xFFE0, 0xFFE6},  {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF},
                           {0x20000, 0x3FFFD}};

template <size_t Size>
bool is_in(uint32_t code, const Range (&ranges)[Size]) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [code](const Range& range) { return code >= range.first && code <= range.last; });
}

// Takes the first character off the text.
std::string_view take_character(std::string_view& text, uint32_t& code) {
  const auto first = static_cast<unsigned char>(text[0]);
  const size_t length = std::min<size_t>(first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4, text.size());
  code = length == 1 ? first : first & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
  const std::string_view character = text.substr(0, length);
  text.remove_prefix(length);
  return character;
}

size_t width_of_character(uint32_t code) {
  return is_in(code, kNarrowest) ? 0 : is_in(code, kWide) ? 2 : 1;
}

// The longest beginning that is not wider.
std::string_view beginning(std::string_view text, size_t width) {
  std::string_view rest = text;
  for (size_t used = 0; !rest.empty();) {
    std::string_view after = rest;
    uint32_t code = 0;
    take_character(after, code);
    used += width_of_character(code);
    if (used > width) break;
    rest = after;
  }
  return text.substr(0, text.size() - rest.size());
}

}  // namespace

std::string Line::text() const {
  std::string all;
  for (const Span& span : spans) all += span.text;
  return all;
}

size_t width_of(std::string_view text) {
  size_t width = 0;
  for (uint32_t code = 0; !text.empty();) {
    take_character(text, code);
    width += width_of_character(code);
  }
  return width;
}

std::string cut(std::string_view text, size_t width) {
  if (width_of(text) <= width) return std::string(text);
  if (width == 0) return "";
  return std::string(beginning(text, width - 1)).append(kCut);
}

void cut(Line& line, size_t width) {
  size_t left = width;
  for (auto span = line.spans.begin(); span != line.spans.end(); ++span) {
    const size_t needed = width_of(span->text);
    if (needed <= left) {
      left -= needed;
      continue;
    }
    span->text = cut(span->text, left);
    line.spans.erase(left == 0 ? span : std::next(span), line.spans.end());
    return;
  }
}

std::string padded(std::string_view text, size_t width) {
  std::string out = cut(text, width);
  return out.append(width - width_of(out), ' ');
}

std::string right_aligned(std::string_view text, size_t width) {
  const std::string out = cut(text, width);
  return std::string(width - width_of(out), ' ') + out;
}

std::string ascii_of(std::string_view text) {
  std::string out;
  for (uint32_t code = 0; !text.empty();) {
    const std::string_view character = take_character(text, code);
    if (character == kCut)
      out += '~';
    else if (character == "└")
      out += '`';
    else if (code < 0x80)
      out += character;
    else
      out.append(width_of_character(code), '?');
  }
  return out;
}

}  // namespace holdwatch::top
