// ELF notes, from segments and sections, in memory or in a file.
// Any context; pure. The bytes are not trusted: every size in them is checked before use.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace holdwatch {

struct ElfNote {
  uint32_t type;
  std::string_view owner;  // as it is in the note, with the terminating zero
  std::string_view description;
};

// Calls `visit(note)` for each note until it returns true; returns true in that case. `alignment` is that of the
// segment or section: if it is 8, notes are padded to 8 bytes.
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

// The bytes of the build id, as a part of `notes`; empty if there is none.
std::string_view find_build_id(std::string_view notes, size_t alignment);

}  // namespace holdwatch
