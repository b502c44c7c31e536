// Whether libdw may rely on a file's .debug_abbrev.
// Cold context only; pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_set>

namespace holdwatch {

// The tables of one .debug_abbrev. The abbreviation of an entry of the debug data determines how many attributes the
// entry has, and libdw goes through them repeatedly. Attributes may take no space in the entry, so a few bytes could
// claim millions.
class Abbreviations {
 public:
  // If any part of the section is invalid, no table in it is sound.
  explicit Abbreviations(std::string_view section);

  // Whether a table begins at this offset whose abbreviations have no more attributes than a compiler would give them.
  bool is_sound(uint64_t offset) const { return tables_.contains(offset); }

 private:
  std::unordered_set<uint64_t> tables_;
};

}  // namespace holdwatch
