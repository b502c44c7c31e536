// The address of a symbol that a library's file contains but does not export (.symtab, which strip removes).
// Start context: maps the file during the search.
#pragma once

#include <link.h>

#include <cstddef>

namespace holdwatch {

// The address of the data object of that name and size in the loaded module; null if its file has no such symbol.
void* find_file_symbol(const link_map& module, const char* name, size_t size);

}  // namespace holdwatch
