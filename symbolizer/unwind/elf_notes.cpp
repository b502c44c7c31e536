// See elf_notes.h.
#include "symbolizer/unwind/elf_notes.h"

#include "shim/common/elf/notes.h"

namespace holdwatch {
namespace {

std::string hex_of(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

}  // namespace

std::string build_id_in(std::string_view notes, size_t alignment) {
  return hex_of(find_build_id(notes, alignment));
}

}  // namespace holdwatch
