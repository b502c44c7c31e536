// Searches the text of a maps file for what is mapped around an address.
// Any context; pure. Takes the text in pieces, so that only the start of one line is ever kept.
#pragma once

#include <cstdint>
#include <string_view>

#include "shim/common/proc/maps_line.h"

namespace holdwatch {

// Joins adjacent mappings of the wanted kind until the joined range contains the address and cannot grow.
class MapsSearch {
 public:
  MapsSearch(uintptr_t address, MappedAs what) : address_(address), what_(what) {}

  // Takes the next piece of the file's text. True once the result is known.
  bool take(std::string_view text);

  MemoryRange result() const { return joined_.contains(address_) ? joined_ : MemoryRange{}; }

 private:
  bool take_line(std::string_view line);

  uintptr_t address_;
  MappedAs what_;
  MemoryRange joined_;
  MapsLines<kMapsLineWithoutPath> lines_;
};

}  // namespace holdwatch
