// The function or the variable that contains an address, from an ELF file's symbol tables.
// Cold context only. Names it only if the address lies inside the symbol: in a stripped file the nearest symbol below an
// address usually belongs to another function.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symbolizer/symbols/elf_image.h"

namespace holdwatch {

class SymbolTable {
 public:
  // Reads the image's .symtab and .dynsym. The file may be closed afterwards, but the image must outlive the table.
  void add(const ElfImage& image);

  // The symbol's name (mangled, without its version) of the function that contains `address`.
  std::optional<std::string> find(uintptr_t address) const;

  // The innermost variable that contains `address`.
  struct Variable {
    std::string symbol;
    uintptr_t offset;  // from its beginning
  };
  std::optional<Variable> find_variable(uintptr_t address) const;

  bool has_full_table() const { return has_full_table_; }
  size_t size_in_bytes() const;

 private:
  struct Table {
    const ElfImage* image;
    Elf_Data* symbols;
    Elf_Data* names;
    bool thinned;  // without local functions: there may be unnamed static functions between its symbols
  };
  struct Candidate;

  template <typename IsIt>
  void find_sized(const Table& table, uintptr_t address, IsIt is_it, Candidate& best) const;
  void find_sizeless(const Table& table, uintptr_t address, Candidate& best) const;

  std::vector<Table> tables_;
  bool has_full_table_ = false;
};

}  // namespace holdwatch
