// A copy of an ELF file's sections that are of use here, inflated, in memory mapped for it alone. What libelf reads of a file
// it keeps in the program's heap, where it leaves holes and megabytes that the allocator does not give back; this is
// unmapped with the image.
// Cold context only.
#pragma once

#include <memory>

#include "symbolizer/symbols/elf_image.h"

namespace holdwatch {

// The copy, with the file closed; or the image as it is where no copy can be made (no memory, or the file is not as it
// should be). Debug data only if `with_debug_data`.
std::unique_ptr<ElfImage> into_own_memory(std::unique_ptr<ElfImage> image, bool with_debug_data);

}  // namespace holdwatch
