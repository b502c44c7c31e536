// Reads the ELF headers of an object from the process's memory. See elf_layout.h.
// Cold context only. The headers are not trusted: every count, size and address in them is checked before use.
#include "symbolizer/unwind/elf_layout.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "shim/common/elf/headers.h"
#include "symbolizer/unwind/elf_notes.h"

namespace holdwatch {

namespace {

constexpr size_t kMaxNoteBytes = 4096;
constexpr uintptr_t kMaxModuleSpan = uintptr_t{1} << 36;  // far beyond any real object, far below an overflow
constexpr uintptr_t kPageSize = 4096;

uintptr_t round_up(uintptr_t value, uintptr_t unit) {
  return (value + unit - 1) / unit * unit;
}

std::string find_build_id(MemoryReader& memory, uintptr_t address, size_t size, size_t alignment) {
  std::vector<char> notes(std::min(size, kMaxNoteBytes));
  return build_id_in({notes.data(), memory.read(address, notes.data(), notes.size())}, alignment);
}

std::vector<Elf64_Phdr> read_program_headers(MemoryReader& memory, uintptr_t base, Elf64_Ehdr& header) {
  std::vector<Elf64_Phdr> headers;
  if (read_elf_header(memory, base, &header) != ElfKind::ours) return headers;
  visit_segments(memory, base, header, [&](const Elf64_Phdr& segment) {
    headers.push_back(segment);
    return false;
  });
  if (headers.size() != header.e_phnum) headers.clear();
  return headers;
}

}  // namespace

std::optional<ElfLayout> read_elf_layout(MemoryReader& memory, uintptr_t base) {
  Elf64_Ehdr header{};
  const std::vector<Elf64_Phdr> headers = read_program_headers(memory, base, header);
  auto load_of_offset_zero = std::find_if(headers.begin(), headers.end(), [](const Elf64_Phdr& segment) {
    return segment.p_type == PT_LOAD && segment.p_offset < kPageSize;
  });
  if (load_of_offset_zero == headers.end()) return std::nullopt;

  ElfLayout layout;
  layout.bias = base - (load_of_offset_zero->p_vaddr - load_of_offset_zero->p_offset);
  layout.end = base;
  for (const Elf64_Phdr& segment : headers) {
    if (segment.p_type != PT_LOAD) continue;
    const uintptr_t start = layout.bias + segment.p_vaddr;
    if (start < base || start - base > kMaxModuleSpan || segment.p_memsz > kMaxModuleSpan) return std::nullopt;
    layout.end = std::max(layout.end, round_up(start + segment.p_memsz, kPageSize));
  }
  auto inside = [&](uintptr_t start, size_t size) {
    return start >= base && start < layout.end && size <= layout.end - start;
  };
  for (const Elf64_Phdr& segment : headers) {
    const uintptr_t start = layout.bias + segment.p_vaddr;
    if (!inside(start, segment.p_memsz)) continue;
    if (segment.p_type == PT_GNU_EH_FRAME) {
      layout.eh_frame_hdr = start;
      layout.eh_frame_hdr_size = segment.p_memsz;
    } else if (segment.p_type == PT_NOTE && layout.build_id.empty()) {
      layout.build_id = find_build_id(memory, start, segment.p_memsz, segment.p_align);
    }
  }
  if (header.e_entry != 0 && inside(layout.bias + header.e_entry, 1)) layout.entry = layout.bias + header.e_entry;
  return layout;
}

}  // namespace holdwatch
