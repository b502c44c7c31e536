// See maps_file.h.
#include "symbolizer/unwind/maps_file.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <optional>

#include "shim/common/proc/maps_line.h"

namespace holdwatch {
namespace {

// The kernel escapes only a newline in a path, as \012 (seq_file_path in fs/proc/task_mmu.c).
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

std::optional<Mapping> parse_line(std::string_view text) {
  MapsLine line;
  if (!parse_maps_line(text, &line)) return std::nullopt;
  Mapping mapping;
  mapping.start = line.range.start;
  mapping.end = line.range.end;
  mapping.offset = line.start.offset;
  mapping.readable = line.readable;
  mapping.writable = line.writable;
  mapping.executable = line.executable;
  mapping.inode = line.start.inode;
  mapping.device = makedev(static_cast<unsigned>(line.start.device >> 32), static_cast<unsigned>(line.start.device));
  mapping.path = unescape(line.path);
  return mapping;
}

}  // namespace

std::vector<Mapping> parse_maps(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::optional<Mapping> mapping = parse_line(text.substr(0, end));
    // The kernel sorts them; a line out of order would break every search by address.
    if (mapping && (mappings.empty() || mappings.back().end <= mapping->start)) mappings.push_back(std::move(*mapping));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return mappings;
}

}  // namespace holdwatch
