// See stack_text.h.
#include "symbolizer/report/stack_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "symbolizer/report/frame_numbers.h"
#include "symbolizer/report/function_names.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

constexpr size_t kInnermost = 24;       // frames of a very deep stack that are shown at its inner end
constexpr size_t kOutermost = 8;        // and at its outer end; JSON has them all
constexpr size_t kFunctionColumn = 44;  // a longer name shifts only the rest of its own row
constexpr size_t kPlaceColumn = 28;
constexpr size_t kSourceLength = 100;

std::string short_source(const std::string& source) {
  std::string text = source;
  std::replace(text.begin(), text.end(), '\t', ' ');
  if (text.size() > kSourceLength) text = text.substr(0, kSourceLength) + "...";
  return escape(text);
}

std::string module_place(const Frame& frame) {
  return frame.module.empty() ? "" : fmt::format("{}+{:#x}", escape(base_name(frame.module)), frame.offset);
}

// Replaces the name of an unnamed function: everything that is needed to find it later.
std::string nameless(const Frame& frame) {
  if (frame.module.empty()) return fmt::format("{:#x}", frame.ip);
  const std::string build_id = frame.build_id.empty() ? "no build id" : "build id " + escape(frame.build_id);
  return fmt::format("{} ({})", module_place(frame), build_id);
}

// How many of the innermost frames match `is_of_kind`; 0 if all do.
size_t leading(const Stack& stack, bool (*is_of_kind)(const Frame&)) {
  const auto first = std::find_if_not(stack.frames.begin(), stack.frames.end(), is_of_kind);
  return first == stack.frames.end() ? 0 : static_cast<size_t>(first - stack.frames.begin());
}

// Equal to a reader: an inlined function shares an address with the function it is inlined into, so that the same line
// may have several addresses.
bool same_frame(const Frame& a, const Frame& b) {
  if (a.function != b.function) return false;
  const bool same_line = a.line > 0 && a.line == b.line && a.file == b.file;
  return same_line || a.ip == b.ip;
}

// The index of the first frame that need not be shown because `other` ends in the same frames; the size of the stack if
// there are fewer than two of them.
size_t repeated_from(const StackView& view) {
  const std::vector<Frame>& frames = view.stack->frames;
  if (!view.took || view.like_outside == nullptr) return frames.size();
  const size_t first = *view.took + 1;
  const std::vector<Frame>& other = view.like_outside->frames;
  if (first + 2 > frames.size() || frames.size() - first > other.size()) return frames.size();
  const bool same = std::equal(frames.begin() + static_cast<std::ptrdiff_t>(first), frames.end(),
                               other.end() - static_cast<std::ptrdiff_t>(frames.size() - first), same_frame);
  return same ? first : frames.size();
}

// The end of the sequence of the C++ library's own frames that begins at `begin`: std::thread alone has half a dozen
// between a thread's start and the program's function, which are of no interest.
size_t end_of_library_run(const std::vector<Frame>& frames, size_t begin, size_t end, std::optional<size_t> took) {
  size_t i = begin;
  while (i < end && i != took && is_library_frame(frames[i])) ++i;
  return i;
}

// A shorter sequence is shown: hiding it would save nothing.
constexpr size_t kShortestRun = 3;

// The indices in [begin, end) to show: all, or both ends of a very deep stack and the frame that took the lock.
std::vector<size_t> chosen(size_t begin, size_t end, std::optional<size_t> took) {
  std::vector<size_t> indices;
  const bool all = end - begin <= kInnermost + kOutermost + 1;
  for (size_t i = begin; i < end; ++i) {
    if (all || i < begin + kInnermost || i + kOutermost >= end || i == took) indices.push_back(i);
  }
  return indices;
}

std::vector<size_t> without_library_runs(const std::vector<Frame>& frames, const std::vector<size_t>& indices,
                                         std::optional<size_t> took) {
  std::vector<size_t> kept;
  for (size_t i = 0; i < indices.size();) {
    const size_t begin = indices[i];
    // The innermost frame stays, because it shows where the thread is.
    const size_t run = i == 0 ? 0 : end_of_library_run(frames, begin, frames.size(), took) - begin;
    if (run < kShortestRun) {
      kept.push_back(begin);
      ++i;
      continue;
    }
    while (i < indices.size() && indices[i] < begin + run) ++i;
  }
  return kept;
}

// The library that contains the frames in [begin, end).
std::string_view library_of(const std::vector<Frame>& frames, size_t begin, size_t end) {
  const auto first = frames.begin() + static_cast<std::ptrdiff_t>(begin);
  const auto rust = std::count_if(first, frames.begin() + static_cast<std::ptrdiff_t>(end),
                                  [](const Frame& frame) { return frame.is_rust; });
  if (rust == 0) return "the C++ library";
  return static_cast<size_t>(rust) == end - begin ? "the Rust library" : "the C++ and Rust libraries";
}

// The row in place of the frames in [begin, end).
std::string left_out(const std::vector<Frame>& frames, size_t begin, size_t end) {
  const std::string count = count_of(end - begin, "frame", "frames");
  const bool library = end_of_library_run(frames, begin, end, std::nullopt) == end;
  if (!library) return fmt::format("... {} omitted ...", count);
  return fmt::format("... {} of {} ...", count, library_of(frames, begin, end));
}

void pad(std::string& text, size_t width) {
  const size_t used = columns(text);
  if (used < width) text.append(width - used, ' ');
}

}  // namespace

StackText::Row StackText::frame_row(const Frame& frame, size_t number, size_t number_width) const {
  Row row;
  row.number = fmt::format("#{:<{}} ", number, number_width);
  if (frame.function.empty()) {
    row.function = nameless(frame);
    return row;
  }
  row.function = escape(readable_function_name(frame.function));
  if (frame.file.empty()) {
    row.place = module_place(frame);
  } else {
    row.place = escape(base_name(frame.file)) + (frame.line > 0 ? fmt::format(":{}", frame.line) : "");
  }
  row.source = short_source(frame.source);
  return row;
}

size_t StackText::add(const StackView& view) {
  const std::vector<Frame>& frames = view.stack->frames;
  const size_t begin = leading(*view.stack, view.skip_wrappers ? is_library_frame : is_cancellation_frame);
  const size_t end = std::max(begin, repeated_from(view));
  const std::vector<size_t> indices = without_library_runs(frames, chosen(begin, end, view.took), view.took);
  const size_t number_width = end - begin > 100 ? 3 : end - begin > 10 ? 2 : 1;
  std::vector<Row>& rows = stacks_.emplace_back();
  size_t next = begin;
  for (const size_t i : indices) {
    if (i > next) rows.push_back({"", left_out(frames, next, i), {}, {}, {}});
    next = i + 1;
    Row row = frame_row(frames[i], i - begin, number_width);
    if (i == view.took) row.mark = "<- took " + view.lock_id;
    const bool has_columns = !row.place.empty() || !row.mark.empty();
    if (has_columns)
      function_width_ = std::max(function_width_, std::min(columns(row.number + row.function), kFunctionColumn));
    if (!row.source.empty() || !row.mark.empty())
      place_width_ = std::max(place_width_, std::min(columns(row.place), kPlaceColumn));
    rows.push_back(std::move(row));
  }
  if (end < frames.size()) rows.push_back({"", "... rest as under \"taken\"", {}, {}, {}});
  const std::string note = with_frame_numbers(
      view.stack->note, [&](size_t number) { return number < begin ? std::nullopt : std::optional(number - begin); });
  if (!note.empty()) rows.push_back({"", "(" + escape(note) + ")", {}, {}, {}});
  return stacks_.size() - 1;
}

std::string StackText::line(const Row& row) const {
  std::string text = row.number + row.function;
  const bool more_after_place = !row.mark.empty() || !row.source.empty();
  if (!row.place.empty() || more_after_place) {
    pad(text, function_width_);
    text += "  " + row.place;
  }
  if (more_after_place) {
    pad(text, function_width_ + 2 + place_width_);
    if (!row.mark.empty()) text += "  " + row.mark;
    if (!row.source.empty()) text += "  " + row.source;
  }
  return text;
}

std::vector<std::string> StackText::rows(size_t stack) const {
  std::vector<std::string> lines;
  for (const Row& row : stacks_[stack]) lines.push_back(line(row));
  return lines;
}

bool same_frames(const Stack& a, const Stack& b) {
  return a.note == b.note && std::equal(a.frames.begin(), a.frames.end(), b.frames.begin(), b.frames.end(), same_frame);
}

}  // namespace holdwatch
