// See frame_numbers.h.
#include "symbolizer/report/frame_numbers.h"

#include <charconv>

namespace holdwatch {

std::string with_frame_numbers(std::string_view note, const std::function<std::optional<size_t>(size_t)>& renumber) {
  constexpr std::string_view kWord = "frame ";
  std::string out;
  for (size_t at; (at = note.find(kWord)) != std::string_view::npos;) {
    const size_t after_word = at + kWord.size();
    const size_t digits = note.substr(after_word).starts_with('#') ? after_word + 1 : after_word;
    size_t number = 0;
    const auto [end, error] = std::from_chars(note.data() + digits, note.data() + note.size(), number);
    if (error != std::errc()) {
      out += note.substr(0, after_word);
      note.remove_prefix(after_word);
      continue;
    }
    out += note.substr(0, at);
    const std::optional<size_t> shown = renumber(number);
    out += shown ? "frame #" + std::to_string(*shown) : "a frame that is not shown";
    note.remove_prefix(static_cast<size_t>(end - note.data()));
  }
  return out.append(note);
}

}  // namespace holdwatch
