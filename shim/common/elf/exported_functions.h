// The functions that a loaded module exports, read from its own tables. dlsym is not asked: it allocates when it fails, is some
// programs' own function, and before glibc 2.34 is in a library that the program may not have loaded.
// Cold context. Only of a module that cannot be unloaded meanwhile.
#pragma once

#include <elf.h>
#include <link.h>

#include <cstdint>

#include "shim/common/elf/dynamic_table.h"

namespace holdwatch {

// By the module's hash table (DT_GNU_HASH; a module without one shows none).
class ExportedFunctions {
 public:
  explicit ExportedFunctions(const link_map& module) : ExportedFunctions(module.l_addr, module.l_ld) {}
  ExportedFunctions(uintptr_t bias, const Elf64_Dyn* dynamic);

  // The version that a program built today would get; null if there is none.
  void* find(const char* name) const;

 private:
  void* address_of(const Elf64_Sym& symbol) const;

  uintptr_t bias_;
  DynamicTable table_;
};

}  // namespace holdwatch
