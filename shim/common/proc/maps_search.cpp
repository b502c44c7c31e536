// See maps_search.h and proc(5).
#include "shim/common/proc/maps_search.h"

#include <algorithm>

namespace holdwatch {
namespace {

uintptr_t parse_hex(std::string_view* text) {
  uintptr_t value = 0;
  while (!text->empty()) {
    const char digit = text->front();
    const bool decimal = digit >= '0' && digit <= '9';
    if (!decimal && (digit < 'a' || digit > 'f')) break;
    value = value * 16 + static_cast<uintptr_t>(decimal ? digit - '0' : digit - 'a' + 10);
    text->remove_prefix(1);
  }
  return value;
}

bool is_mapped_as(const MapsLine& line, MappedAs what) {
  switch (what) {
    case MappedAs::stack:
      return line.readable && line.writable && !line.shared;
    case MappedAs::code:
      return line.readable && line.executable;
  }
  return false;
}

}  // namespace

bool parse_maps_line(std::string_view line, MapsLine* out) {
  *out = {};
  out->range.start = parse_hex(&line);
  if (!line.starts_with('-')) return false;
  line.remove_prefix(1);
  out->range.end = parse_hex(&line);
  if (!line.starts_with(' ') || line.size() < 5) return false;
  out->readable = line[1] == 'r';
  out->writable = line[2] == 'w';
  out->executable = line[3] == 'x';
  out->shared = line[4] == 's';
  line.remove_prefix(std::min<size_t>(line.size(), 6));
  out->start.offset = parse_hex(&line);
  line.remove_prefix(std::min<size_t>(line.size(), 1));
  out->start.device = parse_hex(&line) << 32;
  line.remove_prefix(std::min<size_t>(line.size(), 1));
  out->start.device |= parse_hex(&line);
  line.remove_prefix(std::min<size_t>(line.size(), 1));
  for (; !line.empty() && line.front() >= '0' && line.front() <= '9'; line.remove_prefix(1))
    out->start.inode = out->start.inode * 10 + static_cast<uint64_t>(line.front() - '0');
  return true;
}

// In the order of addresses, which is the file's.
bool MapsSearch::take_line(std::string_view line) {
  MapsLine parsed;
  if (!parse_maps_line(line, &parsed)) return false;
  const bool wanted = is_mapped_as(parsed, what_);
  if (wanted && parsed.range.start == joined_.end) {
    joined_.end = parsed.range.end;
    return false;
  }
  if (joined_.contains(address_)) return true;
  joined_ = wanted ? parsed.range : MemoryRange{};
  return false;
}

bool MapsSearch::take(std::string_view text) {
  return lines_.take(text, [this](std::string_view line) { return take_line(line); });
}

}  // namespace holdwatch
