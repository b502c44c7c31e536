// Whether a file's .debug_abbrev is such that libdw may go by it.
// Cold context only; pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_set>

namespace holdwatch {

// The tables of one .debug_abbrev. An entry of the debug data says by its abbreviation how many attributes it has, and
// libdw goes through them again and again. Attributes may take no room in the entry, so a few bytes could be millions.
class Abbreviations {
 public:
  // Nothing is sound in a section that does not make sense from its start to its end.
  explicit Abbreviations(std::string_view section);

  // Whether a table begins at this offset whose abbreviations have as many attributes as a compiler would give them.
  bool is_sound(uint64_t offset) const { return tables_.contains(offset); }

 private:
  std::unordered_set<uint64_t> tables_;
};

}  // namespace holdwatch
