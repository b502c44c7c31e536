// See maps_search.h.
#include "shim/common/proc/maps_search.h"

namespace holdwatch {
namespace {

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

// Lines come in the order of addresses, as in the file.
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
