// The lines of /proc/PID/maps as values.
// Cold context only; pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdwatch {

// One line of /proc/PID/maps. A mapping without a file has an empty path.
struct Mapping {
  uintptr_t start = 0, end = 0, offset = 0;
  bool readable = false, writable = false, executable = false;
  uint64_t inode = 0, device = 0;
  std::string path;
};

// Parses the text of a maps file. Lines that are not understood are skipped.
std::vector<Mapping> parse_maps(std::string_view text);

}  // namespace holdwatch
