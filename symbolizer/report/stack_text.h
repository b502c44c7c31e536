// Stacks as aligned rows of text: number, function, place, source line. Each begins at the function that made a system
// call, without libc's internal frames inside it.
// Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "symbolizer/report/report.h"

namespace holdwatch {

// What the display of one stack needs, apart from its frames.
struct StackView {
  const Stack* stack = nullptr;
  bool skip_wrappers = false;  // begin at the first frame that is not one of the standard library's lock wrappers
  std::optional<size_t> took;  // the frame that took the lock
  const Stack* like_outside = nullptr;  // beyond `took`, frames equal to the end of this stack are not repeated
  std::string lock_id = {};             // of the lock that `took` took
};

// The rows of a report's stacks. Made in two passes, because the columns of all stacks of a report are aligned: first
// all stacks are added, then the rows are made.
class StackText {
 public:
  // Returns the number to pass to rows() for this stack's lines.
  size_t add(const StackView& view);
  std::vector<std::string> rows(size_t stack) const;

 private:
  struct Row {
    std::string number;    // "#3 ", empty for a line that is not a frame
    std::string function;  // or the whole line
    std::string place;     // "room.cpp:41"
    std::string mark;      // "<- took L3"
    std::string source;
  };
  Row frame_row(const Frame& frame, size_t number, size_t number_width) const;
  std::string line(const Row& row) const;

  std::vector<std::vector<Row>> stacks_;
  size_t function_width_ = 0;
  size_t place_width_ = 0;
};

// True if both have the same frames.
bool same_frames(const Stack& a, const Stack& b);

}  // namespace holdwatch
