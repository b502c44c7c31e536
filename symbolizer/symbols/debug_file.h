// Finds the files that belong to a module: the file that is mapped, its separate debug data (debug_search.h), and what that
// shares with others (dwz).
// Cold context only. A file counts only if it is proven to belong to the module: by build id, else by inode and device
// (the module's own file) or checksum (a debug link). No network: debuginfod is never asked.
#pragma once

#include <memory>

#include "symbolizer/symbols/debug_search.h"
#include "symbolizer/symbols/elf_image.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// The file that is mapped as `module`, also if it was deleted or replaced since and /proc still gives access to it.
std::unique_ptr<ElfImage> open_module_file(const Module& module, const DebugSearch& search);

// The file that dwz moved parts of `debug` to. Only where there is a .gnu_debugaltlink.
std::unique_ptr<ElfImage> find_alternate_file(const ElfImage& debug, const DebugSearch& search);

// The symbol table that some distributions leave in stripped files, LZMA-compressed in .gnu_debugdata.
std::unique_ptr<ElfImage> unpack_mini_debug(const ElfImage& main);

}  // namespace holdwatch
