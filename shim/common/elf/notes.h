// ELF notes, as segments and sections hold them, in memory or in a file.
// Any context; pure. The notes are another's bytes: every size in them is checked before use.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace holdwatch {

struct ElfNote {
  uint32_t type;
  std::string_view owner;  // as it stands there, with its zero
  std::string_view description;
};

// Calls `visit(note)` for each until that returns true; then it is true. `alignment` is that of the segment or section: where
// it is 8, notes are padded to that.
template <typename Visit>
bool visit_notes(std::string_view notes, size_t alignment, Visit&& visit) {
  const size_t unit = alignment == 8 ? 8 : 4;
  const auto padded = [unit](size_t size) { return (size + unit - 1) / unit * unit; };
  for (size_t at = 0; at <= notes.size() && notes.size() - at >= sizeof(Elf64_Nhdr);) {
    Elf64_Nhdr header;
    memcpy(&header, notes.data() + at, sizeof header);
    const size_t name = at + sizeof header;
    const size_t description = padded(name + header.n_namesz);
    const size_t end = description + header.n_descsz;
    if (end > notes.size()) return false;
    if (visit(ElfNote{
            header.n_type, {notes.data() + name, header.n_namesz}, {notes.data() + description, header.n_descsz}}))
      return true;
    at = padded(end);
  }
  return false;
}

// The bytes of the build id among the notes, a part of them; empty if it is not there.
std::string_view find_build_id(std::string_view notes, size_t alignment);

}  // namespace holdwatch
