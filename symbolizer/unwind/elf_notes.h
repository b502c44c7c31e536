// The build id among ELF notes (shim/common/elf/notes.h) as text.
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holdwatch {

// Bytes as lower-case hex digits, as build ids are written.
std::string to_hex(std::string_view bytes);

// As hex; empty if there is none. `alignment` is that of the segment or section.
std::string build_id_in(std::string_view notes, size_t alignment);

}  // namespace holdwatch
