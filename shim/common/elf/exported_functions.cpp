// See exported_functions.h.
#include "shim/common/elf/exported_functions.h"

#include "shim/common/elf/memory_sources.h"

namespace holdwatch {

ExportedFunctions::ExportedFunctions(uintptr_t bias, const Elf64_Dyn* dynamic)
    : bias_(bias), table_(read_dynamic_table(LoadedMemory{}, reinterpret_cast<uintptr_t>(dynamic), bias)) {}

void* ExportedFunctions::find(const char* name) const {
  Elf64_Sym symbol;
  return find_exported_symbol(LoadedMemory{}, table_, name, &symbol) ? address_of(symbol) : nullptr;
}

ExportedVariable ExportedFunctions::find_variable(const char* name) const {
  Elf64_Sym symbol;
  if (!find_exported_symbol(LoadedMemory{}, table_, name, &symbol)) return {};
  return {bias_ + symbol.st_value, symbol.st_size};
}

void* ExportedFunctions::address_of(const Elf64_Sym& symbol) const {
  const uintptr_t address = bias_ + symbol.st_value;
  using Chooser = void* (*)();
  return ELF64_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC ? reinterpret_cast<Chooser>(address)()
                                                        : reinterpret_cast<void*>(address);
}

}  // namespace holdwatch
