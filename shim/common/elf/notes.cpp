// See notes.h.
#include "shim/common/elf/notes.h"

namespace holdwatch {

std::string_view find_build_id(std::string_view notes, size_t alignment) {
  std::string_view id;
  visit_notes(notes, alignment, [&](const ElfNote& note) {
    if (note.type != NT_GNU_BUILD_ID || note.owner != std::string_view(ELF_NOTE_GNU, sizeof ELF_NOTE_GNU)) return false;
    id = note.description;
    return true;
  });
  return id;
}

}  // namespace holdwatch
