// See plain_output.h.
#include "symbolizer/tools/top/plain_output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "symbolizer/tools/attach/refusal.h"

namespace holdwatch::top {
namespace {

constexpr size_t kMostRows = 20;

const char* sequence_of(Style style) {
  switch (style) {
    case Style::alarm:
      return "\033[1;31m";
    case Style::warning:
      return "\033[1;33m";
    case Style::heading:
    case Style::sorted:
      return "\033[36m";
    case Style::strong:
      return "\033[1m";
    case Style::dim:
      return "\033[2m";
    case Style::plain:
      break;
  }
  return "";
}

std::string text_of(const Line& line, bool is_colored) {
  if (!is_colored) return line.text();
  std::string text;
  for (const Span& span : line.spans) {
    const std::string sequence = sequence_of(span.style);
    text += sequence.empty() || span.text.empty() ? span.text : sequence + span.text + "\033[0m";
  }
  return text;
}

}  // namespace

void print_present(Present& present, bool is_colored) {
  const std::vector<Place> places = places_of(present.rows(), Order::roots);
  const ShownRows shown = present.shown(places);
  std::string text;
  for (const Line& line : plain_text_of(present.process(present.remark()), present.totals(), shown, kMostRows))
    text += text_of(line, is_colored) + '\n';
  text += '\n';
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_lists(Present& present, uint64_t count, bool is_colored) {
  for (uint64_t printed = 1;; ++printed) {
    print_present(present, is_colored);
    if (std::fflush(stdout) != 0) {
      if (errno == EPIPE) return;
      throw attach::Refusal(std::string("standard output: ") + std::strerror(errno));
    }
    if (printed == count) return;
    while (!present.update()) std::this_thread::sleep_for(present.time_until_due());
  }
}

}  // namespace holdwatch::top
