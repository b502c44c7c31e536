// See notes.h.
#include "shim/common/elf/notes.h"

#include <elf.h>

#include <cstring>

namespace holdwatch {
namespace {

constexpr size_t kMaxNoteBytes = 4096;

size_t round_up(size_t value, size_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

std::string_view find_build_id(std::string_view notes, size_t alignment) {
  const size_t unit = alignment == 8 ? 8 : 4;
  size_t at = 0;
  while (at + sizeof(Elf64_Nhdr) <= notes.size()) {
    Elf64_Nhdr header;
    memcpy(&header, notes.data() + at, sizeof header);
    if (header.n_namesz > kMaxNoteBytes || header.n_descsz > kMaxNoteBytes) break;
    const size_t name = at + sizeof header;
    const size_t description = round_up(name + header.n_namesz, unit);
    if (description + header.n_descsz > notes.size()) break;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == sizeof ELF_NOTE_GNU &&
        memcmp(notes.data() + name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0)
      return {notes.data() + description, header.n_descsz};
    at = round_up(description + header.n_descsz, unit);
  }
  return {};
}

}  // namespace holdwatch
