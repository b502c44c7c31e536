// Parses /proc/PID/maps (proc(5)). See maps_file.h.
// Cold context only; pure.
#include "symbolizer/unwind/maps_file.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace holdwatch {

namespace {

// Takes a number in `base` off the front of `text`, and the character `terminator` after it.
bool take_number(std::string_view& text, int base, char terminator, uint64_t& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (text.empty() || text.front() != terminator) return false;
  text.remove_prefix(1);
  return true;
}

// The kernel writes a newline in a path as \012 and nothing else in another way (seq_file_path in fs/proc/task_mmu.c).
std::string unescape(std::string_view path) {
  std::string out;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path.substr(i, 4) == "\\012") {
      out += '\n';
      i += 3;
    } else {
      out += path[i];
    }
  }
  return out;
}

// 55d0c8000000-55d0c8021000 r-xp 00001000 fd:01 1234   /path
std::optional<Mapping> parse_line(std::string_view line) {
  Mapping mapping;
  uint64_t start = 0, end = 0, offset = 0, major_number = 0, minor_number = 0;
  if (!take_number(line, 16, '-', start) || !take_number(line, 16, ' ', end) || end <= start) return std::nullopt;
  if (line.size() < 5 || line[4] != ' ') return std::nullopt;
  mapping.readable = line[0] == 'r';
  mapping.writable = line[1] == 'w';
  mapping.executable = line[2] == 'x';
  line.remove_prefix(5);
  if (!take_number(line, 16, ' ', offset) || !take_number(line, 16, ':', major_number)) return std::nullopt;
  if (!take_number(line, 16, ' ', minor_number)) return std::nullopt;
  auto [after, error] = std::from_chars(line.data(), line.data() + line.size(), mapping.inode, 10);
  if (error != std::errc()) return std::nullopt;
  line.remove_prefix(static_cast<size_t>(after - line.data()));
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  mapping.start = start;
  mapping.end = end;
  mapping.offset = offset;
  mapping.device = makedev(static_cast<unsigned>(major_number), static_cast<unsigned>(minor_number));
  mapping.path = unescape(line);
  return mapping;
}

}  // namespace

std::vector<Mapping> parse_maps(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::optional<Mapping> mapping = parse_line(text.substr(0, end));
    // The kernel sorts them; a line that does not fit in would break every search by address.
    if (mapping && (mappings.empty() || mappings.back().end <= mapping->start)) mappings.push_back(std::move(*mapping));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return mappings;
}

}  // namespace holdwatch
