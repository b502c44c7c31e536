// See file_symbol.h.
#include "shim/common/elf/file_symbol.h"

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string_view>

#include "shim/common/elf/headers.h"
#include "shim/common/elf/mapped_file.h"

namespace holdwatch {
namespace {

// The file's symbol table, and the symbols' names.
class FileSymbols {
 public:
  explicit FileSymbols(const MappedFile& file) {
    Elf64_Ehdr header;
    if (read_elf_header(file, 0, &header) != ElfKind::ours) return;
    visit_sections(file, header, [&](const Elf64_Shdr& section) {
      Elf64_Shdr names;
      if (section.sh_type != SHT_SYMTAB || !read_section(file, header, section.sh_link, &names)) return false;
      symbols_ = file.at<Elf64_Sym>(section.sh_offset, section.sh_size / sizeof(Elf64_Sym));
      names_ = file.at<char>(names.sh_offset, names.sh_size);
      count_ = symbols_ == nullptr || names_ == nullptr ? 0 : section.sh_size / sizeof(Elf64_Sym);
      names_size_ = names.sh_size;
      return true;
    });
  }

  const Elf64_Sym* find_object(std::string_view name, size_t size) const {
    for (size_t i = 0; i < count_; ++i) {
      const Elf64_Sym& symbol = symbols_[i];
      if (ELF64_ST_TYPE(symbol.st_info) == STT_OBJECT && symbol.st_size == size && is_called(symbol, name))
        return &symbol;
    }
    return nullptr;
  }

 private:
  bool is_called(const Elf64_Sym& symbol, std::string_view name) const {
    return symbol.st_name < names_size_ && names_size_ - symbol.st_name > name.size() &&
           memcmp(names_ + symbol.st_name, name.data(), name.size()) == 0 &&
           names_[symbol.st_name + name.size()] == '\0';
  }

  const Elf64_Sym* symbols_ = nullptr;
  const char* names_ = nullptr;
  size_t count_ = 0;
  size_t names_size_ = 0;
};

}  // namespace

void* find_file_symbol(const link_map& module, const char* name, size_t size) {
  const MappedFile file(module.l_name);
  const Elf64_Sym* const symbol = FileSymbols(file).find_object(name, size);
  return symbol == nullptr ? nullptr : reinterpret_cast<void*>(module.l_addr + symbol->st_value);
}

}  // namespace holdwatch
