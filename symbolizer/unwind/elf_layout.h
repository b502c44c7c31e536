// What the ELF headers of a mapped object contain: its extent, its unwind tables, its build id.
// Cold context only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// The contents of an object's program headers, as run-time addresses.
struct ElfLayout {
  uintptr_t bias = 0;
  uintptr_t end = 0;
  uintptr_t entry = 0;
  uintptr_t eh_frame_hdr = 0;
  size_t eh_frame_hdr_size = 0;
  std::string build_id;
};

// The layout of the object whose file offset 0 is mapped at `base`; nothing if there is no valid ELF header.
std::optional<ElfLayout> read_elf_layout(MemoryReader& memory, uintptr_t base);

}  // namespace holdwatch
