// A copy of an ELF file's sections that we need, inflated, in memory mapped only for it. libelf keeps what it reads of
// a file in the program's heap, where it leaves holes and megabytes that the allocator does not give back; this copy is
// unmapped with the image.
// Cold context only.
#pragma once

#include <memory>

#include "symbolizer/symbols/debug_sections.h"
#include "symbolizer/symbols/elf_image.h"

namespace holdwatch {

// The copy, with the file closed; or the unchanged image if it cannot be copied (no memory, or the file is malformed).
// With that much of the debug data.
std::unique_ptr<ElfImage> into_private_memory(std::unique_ptr<ElfImage> image, DebugData debug_data);

}  // namespace holdwatch
