// What is done with a file's sections before libdw reads them.
// Cold context only.
#pragma once

#include <cstddef>
#include <string_view>

#include "symbolizer/symbols/elf_image.h"

namespace holdwatch {

// Hides from libdw what it should not read, and returns how many bytes the rest has once it is inflated; SIZE_MAX if the
// headers claim more than can be.
size_t prepare_debug_sections(const ElfImage& image, bool has_alternate);

// Bytes of debug data that are read, once they are inflated; SIZE_MAX if the headers claim more than can be.
size_t needed_debug_size(const ElfImage& image);

// Whether anything here reads the section of debug data with this name.
bool is_needed(std::string_view name);

// A section of debug data by its name without the leading dot, after libdw has inflated it. Empty if there is none.
std::string_view debug_section(const ElfImage& image, std::string_view name);

}  // namespace holdwatch
