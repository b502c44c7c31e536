// See maps_search.h and proc(5).
#include "shim/capture/maps_search.h"

namespace holdwatch {
namespace {

struct MapsLine {
  MemoryRange range;
  bool readable, writable, executable, shared;
};

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

bool parse_maps_line(std::string_view line, MapsLine* out) {
  out->range.start = parse_hex(&line);
  if (!line.starts_with('-')) return false;
  line.remove_prefix(1);
  out->range.end = parse_hex(&line);
  if (!line.starts_with(' ') || line.size() < 5) return false;
  out->readable = line[1] == 'r';
  out->writable = line[2] == 'w';
  out->executable = line[3] == 'x';
  out->shared = line[4] == 's';
  return true;
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
  for (const char character : text) {
    if (character != '\n') {
      if (line_length_ < sizeof line_) line_[line_length_++] = character;
      continue;
    }
    const size_t length = line_length_;
    line_length_ = 0;
    if (take_line({line_, length})) return true;
  }
  return false;
}

}  // namespace holdwatch
