// Prepares a file's sections before libdw reads them.
// Cold context only.
#pragma once

#include <cstddef>
#include <string_view>

#include "symbolizer/symbols/elf_image.h"

namespace holdwatch {

// Hides from libdw what it should not read, and returns the inflated size of the rest in bytes; SIZE_MAX if the headers
// claim more than is possible.
size_t prepare_debug_sections(const ElfImage& image, bool has_alternate);

// Inflated size of the debug data that is read, in bytes; SIZE_MAX if the headers claim more than is possible.
size_t needed_debug_size(const ElfImage& image);

// Whether our code reads the section of debug data with this name.
bool is_needed(std::string_view name);

// The section of debug data with this name (without the leading dot), after libdw has inflated it. Empty if there is
// none.
std::string_view debug_section(const ElfImage& image, std::string_view name);

}  // namespace holdwatch
