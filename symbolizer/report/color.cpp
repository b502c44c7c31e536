// See color.h.
#include "symbolizer/report/color.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "shim/common/options/terminal_color.h"

namespace holdwatch {
namespace {

constexpr std::string_view kBoldRed = "\033[1;31m";
constexpr std::string_view kBoldYellow = "\033[1;33m";
constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kDim = "\033[2m";
constexpr std::string_view kCyan = "\033[36m";
constexpr std::string_view kReset = "\033[0m";
constexpr size_t kLabelColumn = 2;  // of a detail's line; its text begins at kTextColumn
constexpr size_t kTextColumn = 10;

std::string_view color_of(Severity severity) {
  switch (severity) {
    case Severity::error:
      return kBoldRed;
    case Severity::warning:
      return kBoldYellow;
    case Severity::info:
      break;
  }
  return {};
}

void append(std::string& out, std::string_view color, std::string_view text) {
  if (color.empty() || text.empty())
    out += text;
  else
    out.append(color).append(text).append(kReset);
}

// "holdwatch[4711]: ", or nothing.
std::string_view tag_of(std::string_view line) {
  constexpr std::string_view kBegin = "holdwatch[", kEnd = "]: ";
  const size_t end = line.find(kEnd);
  return line.starts_with(kBegin) && end != std::string_view::npos ? line.substr(0, end + kEnd.size())
                                                                   : std::string_view();
}

// Only the mark, which ends where the source line begins, two columns further on.
void append_detail(std::string& out, std::string_view text) {
  const size_t mark = text.find("<- took ");
  if (mark == std::string_view::npos) {
    out += text;
    return;
  }
  const size_t end = std::min(text.find("  ", mark), text.size());
  out += text.substr(0, mark);
  append(out, kBold, text.substr(mark, end - mark));
  out += text.substr(end);
}

void append_line(std::string& out, std::string_view line, Severity severity) {
  const std::string_view tag = tag_of(line);
  if (!tag.empty()) {
    append(out, kDim, tag);
    append(out, color_of(severity), line.substr(tag.size()));
  } else if (line.size() > kTextColumn && line.starts_with("  ")) {
    out += line.substr(0, kLabelColumn);
    const std::string_view label = line.substr(kLabelColumn, kTextColumn - kLabelColumn);
    append(out, label.find_first_not_of(' ') == std::string_view::npos ? std::string_view() : kCyan, label);
    append_detail(out, line.substr(kTextColumn));
  } else {
    out += line;
  }
}

}  // namespace

bool uses_color(ColorWhen when, int descriptor) {
  return when == ColorWhen::always || (when == ColorWhen::automatic && isatty(descriptor) != 0);
}

bool tool_uses_color(ColorWhen when, int descriptor) {
  const bool is_refused = when == ColorWhen::automatic && !allows_color(getenv("TERM"), getenv("NO_COLOR"));
  return !is_refused && uses_color(when, descriptor);
}

std::string colored(std::string_view text, Severity severity) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    append_line(out, text.substr(0, end), severity);
    if (end < text.size()) out += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace holdwatch
