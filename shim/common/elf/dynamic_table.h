// The dynamic section of a module (elf(5), "Dynamic tags"), and the functions that it exports by its hash table.
// Any context; pure. Sources as in headers.h.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/common/elf/headers.h"

namespace holdwatch {

// Where a loaded module's tables are. 0: the module has no such table.
struct DynamicTable {
  struct Relocations {
    uintptr_t start = 0;
    size_t count = 0;
  };

  uintptr_t symbols = 0;
  uintptr_t strings = 0;
  size_t strings_size = 0;
  uintptr_t versions = 0;
  uintptr_t hashes = 0;  // DT_GNU_HASH
  Relocations data;      // of addresses that are bound at once
  Relocations calls;     // of addresses that may be bound at their first use

  // The loader has replaced offsets by addresses, but not everywhere: those of the vdso stay offsets.
  void take(const Elf64_Dyn& entry, uintptr_t bias) {
    const uint64_t value = entry.d_un.d_val;
    const uintptr_t address = value < bias ? value + bias : value;
    if (entry.d_tag == DT_SYMTAB) symbols = address;
    if (entry.d_tag == DT_STRTAB) strings = address;
    if (entry.d_tag == DT_STRSZ) strings_size = value;
    if (entry.d_tag == DT_VERSYM) versions = address;
    if (entry.d_tag == DT_GNU_HASH) hashes = address;
    if (entry.d_tag == DT_RELA) data.start = address;
    if (entry.d_tag == DT_RELASZ) data.count = value / sizeof(Elf64_Rela);
    if (entry.d_tag == DT_JMPREL) calls.start = address;
    if (entry.d_tag == DT_PLTRELSZ) calls.count = value / sizeof(Elf64_Rela);
  }
};

// Calls `visit(entry)` up to the entry that ends the section. Reads one at a time: the memory may end after the last
// one.
template <typename Source, typename Visit>
void visit_dynamic(Source&& source, uint64_t at, Visit&& visit) {
  constexpr size_t kMax = 256;
  Elf64_Dyn entry;
  for (size_t i = 0; i < kMax; ++i, at += sizeof entry) {
    if (source.read(at, &entry, sizeof entry) != sizeof entry || entry.d_tag == DT_NULL) return;
    visit(entry);
  }
}

template <typename Source>
DynamicTable read_dynamic_table(Source&& source, uintptr_t at, uintptr_t bias) {
  DynamicTable table;
  visit_dynamic(source, at, [&](const Elf64_Dyn& entry) { table.take(entry, bias); });
  return table;
}

// For the module whose file begins at `base`; an empty table if there is none.
template <typename Source>
DynamicTable find_dynamic_table(Source&& source, uintptr_t base, uintptr_t bias) {
  DynamicTable table;
  Elf64_Ehdr header;
  if (read_elf_header(source, base, &header) != ElfKind::ours) return table;
  visit_segments(source, base, header, [&](const Elf64_Phdr& segment) {
    if (segment.p_type != PT_DYNAMIC) return false;
    table = read_dynamic_table(source, bias + segment.p_vaddr, bias);
    return true;
  });
  return table;
}

// Visits the positions, in the table of names, of the libraries that a file requests from the loader (DT_NEEDED).
template <typename Source, typename Visit>
void visit_needed(Source&& source, uint64_t at, Visit&& visit) {
  visit_dynamic(source, at, [&](const Elf64_Dyn& entry) {
    if (entry.d_tag == DT_NEEDED) visit(entry.d_un.d_val);
  });
}

// Whether `text`, with a zero after it, is at this position. Reads byte by byte: the memory may end where the text
// does.
template <typename Source>
bool has_text(Source&& source, uint64_t at, std::string_view text) {
  for (size_t i = 0; i <= text.size(); ++i) {
    char character;
    if (source.read(at + i, &character, 1) != 1 || character != (i < text.size() ? text[i] : '\0')) return false;
  }
  return true;
}

// Whether the module itself defines the symbol, in the version that a program built today would get: older ones are
// hidden.
template <typename Source>
bool is_current_definition(Source&& source, const DynamicTable& table, uint32_t index, const Elf64_Sym& symbol) {
  constexpr Elf64_Half kHidden = 0x8000;
  Elf64_Half version = 0;
  const uintptr_t at = table.versions + index * sizeof version;
  if (table.versions != 0 && source.read(at, &version, sizeof version) != sizeof version) return false;
  return symbol.st_shndx != SHN_UNDEF && (version & kHidden) == 0;
}

// Uses the module's hash table; in a module without one, no symbol is found. Its layout: four words, the Bloom filter,
// the buckets, and after them a hash for each symbol, the last of a chain marked by its lowest bit (binutils,
// elflink.c).
template <typename Source>
bool find_exported_symbol(Source&& source, const DynamicTable& table, std::string_view name, Elf64_Sym* symbol) {
  struct {
    uint32_t buckets, first_symbol, bloom_words, bloom_shift;
  } head;
  if (table.hashes == 0 || table.symbols == 0 || table.strings == 0) return false;
  if (source.read(table.hashes, &head, sizeof head) != sizeof head || head.buckets == 0) return false;
  uint32_t hash = 5381;
  for (const char character : name) hash = hash * 33 + static_cast<unsigned char>(character);
  const uintptr_t buckets = table.hashes + sizeof head + head.bloom_words * sizeof(uint64_t);
  const uintptr_t chains = buckets + head.buckets * sizeof(uint32_t);
  uint32_t index = 0, chained = 0;
  if (source.read(buckets + hash % head.buckets * sizeof index, &index, sizeof index) != sizeof index) return false;
  if (index == 0 || index < head.first_symbol) return false;
  constexpr uint32_t kMaxInChain = 1u << 20;
  for (uint32_t steps = 0; steps < kMaxInChain; ++steps, ++index) {
    if (source.read(chains + (index - head.first_symbol) * sizeof chained, &chained, sizeof chained) != sizeof chained)
      return false;
    if ((chained | 1) == (hash | 1) &&
        source.read(table.symbols + index * sizeof *symbol, symbol, sizeof *symbol) == sizeof *symbol &&
        is_current_definition(source, table, index, *symbol) && has_text(source, table.strings + symbol->st_name, name))
      return true;
    if ((chained & 1) != 0) return false;
  }
  return false;
}

}  // namespace holdwatch
