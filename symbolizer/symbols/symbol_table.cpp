// Looks an address up in .symtab and .dynsym. See symbol_table.h.
// Cold context only. Every lookup scans the tables: that takes 0.1 ms for libc's and needs no memory for an index, and
// the caller caches the results.
#include "symbolizer/symbols/symbol_table.h"

#include <gelf.h>

#include <algorithm>
#include <cstring>
#include <tuple>

namespace holdwatch {
namespace {

std::string_view text_at(const Elf_Data& strings, size_t offset) {
  if (strings.d_buf == nullptr || offset >= strings.d_size) return {};
  const char* start = static_cast<const char*>(strings.d_buf) + offset;
  const void* end = std::memchr(start, 0, strings.d_size - offset);
  if (end == nullptr) return {};
  return {start, static_cast<size_t>(static_cast<const char*>(end) - start)};
}

size_t count_of(const Elf_Data& symbols) {
  return symbols.d_size / sizeof(GElf_Sym);
}

// Not by gelf_getsym, which takes a lock for every symbol.
GElf_Sym symbol_at(const Elf_Data& symbols, size_t index) {
  GElf_Sym symbol;
  std::memcpy(&symbol, static_cast<const char*>(symbols.d_buf) + index * sizeof symbol, sizeof symbol);
  return symbol;
}

bool is_function(const GElf_Sym& symbol) {
  const unsigned type = GELF_ST_TYPE(symbol.st_info);
  // Hand-written assembly has untyped symbols; if they have a size, they are as good as a function's.
  const bool code = type == STT_FUNC || type == STT_GNU_IFUNC || (type == STT_NOTYPE && symbol.st_size != 0);
  return code && symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS && symbol.st_value != 0;
}

bool is_variable(const GElf_Sym& symbol) {
  return GELF_ST_TYPE(symbol.st_info) == STT_OBJECT && symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS;
}

// .symtab writes a versioned symbol as "name@VERSION" or "name@@VERSION".
std::string without_version(std::string_view name) {
  return std::string(name.substr(0, name.find('@')));
}

// Chooses the best-known of several names for one piece of code. libc has up to a dozen: "send" is better than "__send"
// or "__libc_send". Smaller is better; the name itself makes the choice the same everywhere.
auto obscurity(const GElf_Sym& symbol, std::string_view name) {
  const size_t underscores = name.starts_with("_Z") ? 0 : std::min(name.find_first_not_of('_'), name.size());
  const unsigned binding = GELF_ST_BIND(symbol.st_info);
  const int locality = binding == STB_LOCAL ? 1 : 0;
  return std::make_tuple(locality, underscores, name.size(), name);
}

}  // namespace

struct SymbolTable::Candidate {
  bool found = false;
  GElf_Sym symbol = {};
  std::string_view name;
};

void SymbolTable::add(const ElfImage& image) {
  if (gelf_getclass(image.elf()) != ELFCLASS64) return;
  for (const uint32_t type : {uint32_t{SHT_SYMTAB}, uint32_t{SHT_DYNSYM}}) {
    Elf_Scn* section = image.section_of_type(type);
    GElf_Shdr header;
    if (section == nullptr || gelf_getshdr(section, &header) == nullptr) continue;
    Elf_Scn* strings = elf_getscn(image.elf(), header.sh_link);
    if (strings == nullptr) continue;
    Table table{&image, image.data(section), image.data(strings), true};
    if (table.symbols == nullptr || table.symbols->d_buf == nullptr || table.names == nullptr) continue;
    for (size_t i = 0; i < count_of(*table.symbols) && table.thinned; ++i) {
      const GElf_Sym symbol = symbol_at(*table.symbols, i);
      if (is_function(symbol) && GELF_ST_BIND(symbol.st_info) == STB_LOCAL) table.thinned = false;
    }
    tables_.push_back(table);
    if (type == SHT_SYMTAB) has_full_table_ = true;
  }
}

std::optional<std::string> SymbolTable::find(uintptr_t address) const {
  Candidate best;
  for (const Table& table : tables_) find_sized(table, address, is_function, best);
  for (const Table& table : tables_) {
    if (!best.found && !table.thinned) find_sizeless(table, address, best);
  }
  if (!best.found) return std::nullopt;
  return without_version(best.name);
}

std::optional<SymbolTable::Variable> SymbolTable::find_variable(uintptr_t address) const {
  Candidate best;
  for (const Table& table : tables_) find_sized(table, address, is_variable, best);
  if (!best.found) return std::nullopt;
  return Variable{without_version(best.name), address - best.symbol.st_value};
}

// The symbol around `address` that begins last is the innermost one.
template <typename IsIt>
void SymbolTable::find_sized(const Table& table, uintptr_t address, IsIt is_it, Candidate& best) const {
  for (size_t i = 0; i < count_of(*table.symbols); ++i) {
    const GElf_Sym symbol = symbol_at(*table.symbols, i);
    if (address < symbol.st_value || address - symbol.st_value >= symbol.st_size || !is_it(symbol)) continue;
    const std::string_view name = text_at(*table.names, symbol.st_name);
    if (name.empty()) continue;
    const bool better =
        !best.found || symbol.st_value > best.symbol.st_value ||
        (symbol.st_value == best.symbol.st_value && obscurity(symbol, name) < obscurity(best.symbol, best.name));
    if (better) best = {true, symbol, name};
  }
}

// A function without a size extends to the next symbol, but not beyond its section.
void SymbolTable::find_sizeless(const Table& table, uintptr_t address, Candidate& best) const {
  for (size_t i = 0; i < count_of(*table.symbols); ++i) {
    const GElf_Sym symbol = symbol_at(*table.symbols, i);
    if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= SHN_LORESERVE || symbol.st_value > address) continue;
    if (best.found && symbol.st_value < best.symbol.st_value) continue;
    const std::string_view name = text_at(*table.names, symbol.st_name);
    const bool replaces = !best.found || symbol.st_value > best.symbol.st_value || is_function(symbol);
    if (replaces) best = {true, symbol, name};
  }
  if (!best.found) return;
  GElf_Shdr header;
  Elf_Scn* code = elf_getscn(table.image->elf(), best.symbol.st_shndx);
  best.found = best.symbol.st_size == 0 && is_function(best.symbol) && !best.name.empty() && code != nullptr &&
               gelf_getshdr(code, &header) != nullptr && (header.sh_flags & SHF_EXECINSTR) != 0 &&
               address >= header.sh_addr && address - header.sh_addr < header.sh_size;
}

size_t SymbolTable::size_in_bytes() const {
  size_t size = 0;
  for (const Table& table : tables_) size += table.symbols->d_size + table.names->d_size;
  return size;
}

}  // namespace holdwatch
