// See elf_notes.h.
#include "symbolizer/unwind/elf_notes.h"

#include "shim/common/elf/notes.h"
#include "shim/common/text/digits.h"

namespace holdwatch {

std::string to_hex(std::string_view bytes) {
  std::string text;
  put_hex(bytes, [&text](char digit) { text += digit; });
  return text;
}

std::string build_id_in(std::string_view notes, size_t alignment) {
  return to_hex(find_build_id(notes, alignment));
}

}  // namespace holdwatch
