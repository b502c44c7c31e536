// Finds the files that belong to a module: the file that is mapped, its separate debug data, and what that shares with
// others (dwz).
// Cold context only. A file counts only if it is proven to belong to the module: by build id, else by inode and device
// (the module's own file) or checksum (a debug link). No network: debuginfod is never asked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "symbolizer/symbols/elf_image.h"
#include "symbolizer/symbols/symbols.h"

namespace holdwatch {

// The file that is mapped as `module`, also if it was deleted or replaced since and /proc still gives access to it.
std::unique_ptr<ElfImage> open_module_file(const Module& module, const DebugSearch& search);

// The separate debug file of `main`: by build id, else by its .gnu_debuglink.
std::unique_ptr<ElfImage> find_debug_file(const ElfImage& main, const DebugSearch& search);

// The file that dwz moved parts of `debug` to. Only where there is a .gnu_debugaltlink.
std::unique_ptr<ElfImage> find_alternate_file(const ElfImage& debug, const DebugSearch& search);

// The symbol table that some distributions leave in stripped files, LZMA-compressed in .gnu_debugdata.
std::unique_ptr<ElfImage> unpack_mini_debug(const ElfImage& main);

// The checksum that .gnu_debuglink holds: CRC-32 as in zlib. `crc` continues an earlier call's result.
uint32_t debuglink_crc(uint32_t crc, std::string_view bytes);

}  // namespace holdwatch
