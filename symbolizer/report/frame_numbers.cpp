// See frame_numbers.h.
#include "symbolizer/report/frame_numbers.h"

#include "shim/common/text/digits.h"

namespace holdwatch {

std::string with_frame_numbers(std::string_view note, const std::function<std::optional<size_t>(size_t)>& renumber) {
  constexpr std::string_view kWord = "frame ";
  std::string out;
  for (size_t at; (at = note.find(kWord)) != std::string_view::npos;) {
    const size_t after_word = at + kWord.size();
    std::string_view rest = note.substr(after_word);
    if (rest.starts_with('#')) rest.remove_prefix(1);
    const auto number = take_number(rest, 10);
    if (!number) {
      out += note.substr(0, after_word);
      note.remove_prefix(after_word);
      continue;
    }
    out += note.substr(0, at);
    const std::optional<size_t> shown = renumber(*number);
    out += shown ? "frame #" + std::to_string(*shown) : "a frame that is not shown";
    note = rest;
  }
  return out.append(note);
}

}  // namespace holdwatch
