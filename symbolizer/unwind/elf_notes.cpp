// See elf_notes.h.
#include "symbolizer/unwind/elf_notes.h"

#include <elf.h>

#include <cstring>

namespace holdwatch {
namespace {

constexpr size_t kMaxNoteBytes = 4096;

size_t round_up(size_t value, size_t unit) {
  return (value + unit - 1) / unit * unit;
}

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
  const size_t unit = alignment == 8 ? 8 : 4;
  size_t at = 0;
  while (at + sizeof(Elf64_Nhdr) <= notes.size()) {
    Elf64_Nhdr header;
    std::memcpy(&header, notes.data() + at, sizeof header);
    if (header.n_namesz > kMaxNoteBytes || header.n_descsz > kMaxNoteBytes) break;
    const size_t name = at + sizeof header;
    const size_t description = round_up(name + header.n_namesz, unit);
    if (description + header.n_descsz > notes.size()) break;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && std::memcmp(notes.data() + name, "GNU", 4) == 0)
      return hex_of(notes.substr(description, header.n_descsz));
    at = round_up(description + header.n_descsz, unit);
  }
  return {};
}

}  // namespace holdwatch
