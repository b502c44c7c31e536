// Prepares a file's sections before libdw reads them.
// Cold context only.
#pragma once

#include <cstddef>
#include <string_view>

#include "symbolizer/symbols/elf_image.h"

namespace holdwatch {

// How much of a file's debug data is read. Locations say where variables are: a third of libc's debug data.
enum class DebugData { none, without_locations, all };

// What may be read if it takes at most `limit` bytes: locations only if that is little.
DebugData readable_debug_data(const ElfImage& image, size_t limit);

// Hides from libdw what is not to be read, and returns the inflated size of the rest in bytes; SIZE_MAX if the headers claim more than
// is possible.
size_t prepare_debug_sections(const ElfImage& image, DebugData readable, bool has_alternate);

// Whether our code reads the section of debug data with this name.
bool is_needed(std::string_view name, DebugData readable);

// The section of debug data with this name (without the leading dot), after libdw has inflated it. Empty if there is
// none.
std::string_view debug_section(const ElfImage& image, std::string_view name);

}  // namespace holdwatch
