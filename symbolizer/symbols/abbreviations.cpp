// Reads .debug_abbrev (DWARF 5, section 7.5.3) from start to end. See abbreviations.h.
// Cold context only; pure.
#include "symbolizer/symbols/abbreviations.h"

#include <dwarf.h>

#include <cstddef>

namespace holdwatch {
namespace {

constexpr size_t kMaxAttributes = 256;  // in one abbreviation; compilers write some twenty

class AbbreviationReader {
 public:
  explicit AbbreviationReader(std::string_view bytes) : bytes_(bytes) {}

  bool more() const { return good_ && at_ < bytes_.size(); }
  bool good() const { return good_; }
  size_t position() const { return at_; }

  uint8_t take_byte() {
    if (at_ >= bytes_.size()) return good_ = false;
    return static_cast<uint8_t>(bytes_[at_++]);
  }

  // Also used for signed numbers: then the value does not matter.
  uint64_t take_leb128() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && good_; shift += 7) {
      const uint8_t byte = take_byte();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    good_ = false;
    return 0;
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
  bool good_ = true;
};

// Pairs of attribute and form, terminated by a pair of zeros; the form implicit_const has its value here.
bool take_attributes(AbbreviationReader& reader) {
  for (size_t count = 0; reader.good() && count <= kMaxAttributes; ++count) {
    const uint64_t attribute = reader.take_leb128();
    const uint64_t form = reader.take_leb128();
    if (attribute == 0 && form == 0) return reader.good();
    if (form == DW_FORM_implicit_const) reader.take_leb128();
  }
  return false;
}

// Abbreviations, terminated by a code of zero.
bool take_table(AbbreviationReader& reader) {
  while (reader.good() && reader.take_leb128() != 0) {
    reader.take_leb128();  // tag
    reader.take_byte();    // whether it has children
    if (!take_attributes(reader)) return false;
  }
  return reader.good();
}

}  // namespace

Abbreviations::Abbreviations(std::string_view section) {
  AbbreviationReader reader(section);
  while (reader.more()) {
    const size_t start = reader.position();
    if (!take_table(reader)) return;
    tables_.insert(start);
  }
}

}  // namespace holdwatch
