// The headers of an ELF object (elf(5)), in a file or loaded from it. All code that reads them does so here, and reads
// the entries of any of its tables with visit_entries.
// Any context; pure. A source has `size_t read(uint64_t at, void* out, size_t size)`, which copies up to `size` bytes
// and returns how many, and so decides what can be read. The bytes are not trusted: numbers in them are used only as
// bounded counts, or as positions passed to the source.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace holdwatch {

enum class ElfKind : uint8_t {
  none,  // not an ELF object
  of_32_bits,
  other_machine,  // for another processor or byte order
  ours,           // x86-64
};

inline ElfKind kind_of(const Elf64_Ehdr& header) {
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return ElfKind::none;
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return ElfKind::of_32_bits;
  return header.e_machine == EM_X86_64 ? ElfKind::ours : ElfKind::other_machine;
}

// The header of the object that begins at `base`, which is 0 in a file. Read completely only if it is ours.
template <typename Source>
ElfKind read_elf_header(Source&& source, uint64_t base, Elf64_Ehdr* header) {
  *header = {};
  const size_t got = source.read(base, header, sizeof *header);
  const ElfKind kind = kind_of(*header);
  return kind == ElfKind::ours && got < sizeof *header ? ElfKind::none : kind;
}

// Calls `visit(entry)` for `count` entries from `at` on until it returns true; returns true in that case. Stops early
// if no more can be read. Reads several at a time: a read may be a system call.
template <typename Entry, typename Source, typename Visit>
bool visit_entries(Source&& source, uint64_t at, uint64_t count, Visit&& visit) {
  constexpr size_t kAtOnce = 16;
  Entry part[kAtOnce];
  for (uint64_t done = 0; done < count;) {
    const size_t wanted = count - done < kAtOnce ? static_cast<size_t>(count - done) : kAtOnce;
    const size_t got = source.read(at + done * sizeof(Entry), part, wanted * sizeof(Entry)) / sizeof(Entry);
    for (size_t i = 0; i < got; ++i)
      if (visit(part[i])) return true;
    if (got < wanted) return false;
    done += got;
  }
  return false;
}

inline bool has_known_segments(const Elf64_Ehdr& header) {
  return header.e_phentsize == sizeof(Elf64_Phdr);
}

// Real objects have fewer; a header with more is damaged. Core files may have more.
inline constexpr uint64_t kMaxSegments = 128;

// Calls `visit(segment)` for the program headers, like visit_entries.
template <typename Source, typename Visit>
bool visit_segments(Source&& source, uint64_t base, const Elf64_Ehdr& header, Visit&& visit) {
  if (!has_known_segments(header) || header.e_phnum > kMaxSegments) return false;
  return visit_entries<Elf64_Phdr>(source, base + header.e_phoff, header.e_phnum, visit);
}

// The number of program headers of a core file, which may be large: more than 65,534 do not fit into e_phnum, and then
// the first section header contains their number. `most` is the upper bound.
template <typename Source>
uint64_t count_core_segments(Source&& source, const Elf64_Ehdr& header, uint64_t most) {
  Elf64_Shdr section{};
  uint64_t count = header.e_phnum;
  if (count == PN_XNUM)
    count = source.read(header.e_shoff, &section, sizeof section) == sizeof section ? section.sh_info : 0;
  return count < most ? count : most;
}

template <typename Source, typename Visit>
bool visit_core_segments(Source&& source, const Elf64_Ehdr& header, uint64_t count, Visit&& visit) {
  return visit_entries<Elf64_Phdr>(source, header.e_phoff, count, visit);
}

// Calls `visit(section)` for the section headers of a file, like visit_entries.
template <typename Source, typename Visit>
bool visit_sections(Source&& source, const Elf64_Ehdr& header, Visit&& visit) {
  if (header.e_shentsize != sizeof(Elf64_Shdr)) return false;
  return visit_entries<Elf64_Shdr>(source, header.e_shoff, header.e_shnum, visit);
}

// False if there is no section of that number.
template <typename Source>
bool read_section(Source&& source, const Elf64_Ehdr& header, size_t number, Elf64_Shdr* section) {
  if (header.e_shentsize != sizeof(Elf64_Shdr) || number >= header.e_shnum) return false;
  return source.read(header.e_shoff + number * sizeof *section, section, sizeof *section) == sizeof *section;
}

}  // namespace holdwatch
