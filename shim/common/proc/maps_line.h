// One line of a maps file (proc(5)), and how the file's text, which is read in pieces, is split into lines.
// Any context; pure. No allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/common/proc/memory_range.h"

namespace holdwatch {

struct MapsLine {
  MemoryRange range;
  bool readable, writable, executable, shared;
  FilePage start;         // the page of a file at the start of the range
  std::string_view path;  // as in the file, a newline as \012; also "[stack]" and the like. Empty: there is none
};

// False if the line is not understood, or if its range is empty.
bool parse_maps_line(std::string_view line, MapsLine* out);

// Memory that processes share is the same byte of the same file for all of them (`offset` counts bytes here).
// False if the address is not in this mapping, or if the mapping is not shared.
bool shared_byte_at(const MapsLine& line, uintptr_t address, FilePage* out);
// The address of that byte; 0 if it is not in this mapping.
uintptr_t shared_address_of(const MapsLine& line, const FilePage& byte);

// Whether no file of the file system is behind it, nor a descriptor (MAP_ANONYMOUS | MAP_SHARED): only a fork passes it on.
bool is_anonymous(const MapsLine& line);

// Splits pieces of text into lines, and keeps only the first kSize bytes of each.
template <size_t kSize>
class MapsLines {
 public:
  // Calls `take_line(line)` for each line that the piece completes, until it returns true; returns true in that case.
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
  char line_[kSize];
  size_t length_ = 0;
};

// Enough for "START-END rwxp OFFSET DEVICE INODE"; the path after it can have any length.
inline constexpr size_t kMapsLineWithoutPath = 96;

}  // namespace holdwatch
