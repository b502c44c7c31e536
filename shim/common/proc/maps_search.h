// Searches the text of a maps file for what is mapped around an address.
// Any context; pure. Takes the text in pieces, so that no more than the start of one line is ever kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/common/proc/memory_range.h"

namespace holdwatch {

// One line of a maps file, as far as it matters (proc(5)).
struct MapsLine {
  MemoryRange range;
  bool readable, writable, executable, shared;
  FilePage start;  // the page of a file at its start
};
bool parse_maps_line(std::string_view line, MapsLine* out);

// Cuts the text of a maps file, which comes in pieces, into lines: as much of each as matters.
class MapsLines {
 public:
  // Calls `take_line(line)` for each line that the piece completes, until one call returns true; then it is true.
  template <typename TakeLine>
  bool take(std::string_view text, TakeLine take_line) {
    for (const char character : text) {
      if (character != '\n') {
        if (length_ < sizeof line_) line_[length_++] = character;
        continue;
      }
      const size_t length = length_;
      length_ = 0;
      if (take_line(std::string_view(line_, length))) return true;
    }
    return false;
  }

 private:
  char line_[96];  // "START-END rwxp OFFSET DEVICE INODE"; the path behind it can be of any length
  size_t length_ = 0;
};

// Joins neighbouring mappings of the wanted kind until the joined range holds the address and can grow no further.
class MapsSearch {
 public:
  MapsSearch(uintptr_t address, MappedAs what) : address_(address), what_(what) {}

  // Takes the next piece of the file's text. True once the answer is known.
  bool take(std::string_view text);

  MemoryRange result() const { return joined_.contains(address_) ? joined_ : MemoryRange{}; }

 private:
  bool take_line(std::string_view line);

  uintptr_t address_;
  MappedAs what_;
  MemoryRange joined_;
  MapsLines lines_;
};

}  // namespace holdwatch
