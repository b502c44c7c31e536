// Finds the files that belong to a module: the mapped file, its separate debug data (debug_search.h), and the file with
// the parts of it that are shared with others (dwz).
// Cold context only. A file counts only if it is proven to belong to the module: by build id, otherwise by inode and
// device (the module's own file) or checksum (a debug link). No network: debuginfod is never contacted.
#pragma once

#include <memory>

#include "symbolizer/symbols/debug_search.h"
#include "symbolizer/symbols/elf_image.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// The file that is mapped as `module`, even if it was deleted or replaced since, if /proc still gives access to it.
std::unique_ptr<ElfImage> open_module_file(const Module& module, const DebugSearch& search);

// The file to which dwz moved parts of `debug`. Only if there is a .gnu_debugaltlink.
std::unique_ptr<ElfImage> find_alternate_file(const ElfImage& debug, const DebugSearch& search);

// The symbol table that some distributions leave in stripped files, LZMA-compressed in .gnu_debugdata.
std::unique_ptr<ElfImage> unpack_mini_debug(const ElfImage& main);

}  // namespace holdwatch
