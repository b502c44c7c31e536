// The place of a symbol that a library's file names but does not export (.symtab, which strip removes).
// Start context: maps the file for as long as it looks.
#pragma once

#include <link.h>

#include <cstddef>

namespace holdwatch {

// The address of the data object of that name and size in the loaded module; null if its file names none.
void* find_file_symbol(const link_map& module, const char* name, size_t size);

}  // namespace holdwatch
