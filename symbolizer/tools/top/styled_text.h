// Text for a terminal: what is to be shown how, and how many columns it takes there.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdwatch::top {

enum class Style : uint8_t { plain, heading, sorted, alarm, warning, dim, strong };

struct Span {
  std::string text;
  Style style = Style::plain;
};

struct Line {
  std::vector<Span> spans;
  bool is_selected = false;

  std::string text() const;
};

// The columns that valid UTF-8 takes: none for combining characters, two for East Asian wide ones.
size_t width_of(std::string_view text);

// As much of the text as fits, with a mark in the last column if that is not all.
std::string cut(std::string_view text, size_t width);
void cut(Line& line, size_t width);

// With spaces to that width, or cut.
std::string padded(std::string_view text, size_t width);
std::string right_aligned(std::string_view text, size_t width);

// For a terminal that shows ASCII only.
std::string ascii_of(std::string_view text);

}  // namespace holdwatch::top
