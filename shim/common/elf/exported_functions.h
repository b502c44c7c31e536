// The functions and variables that a loaded module exports, read from its own tables. dlsym is not used: it allocates when it fails,
// some programs replace it, and before glibc 2.34 it is in a library that the program may not have loaded.
// Cold context. Only for a module that cannot be unloaded meanwhile.
#pragma once

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>

#include "shim/common/elf/dynamic_table.h"

namespace holdwatch {

struct ExportedVariable {
  uintptr_t address = 0;
  size_t size = 0;
};

// Uses the module's hash table (DT_GNU_HASH; in a module without one, nothing is found).
class ExportedFunctions {
 public:
  explicit ExportedFunctions(const link_map& module) : ExportedFunctions(module.l_addr, module.l_ld) {}
  ExportedFunctions(uintptr_t bias, const Elf64_Dyn* dynamic);

  // The function in the version that a program built today would get; null if there is none.
  void* find(const char* name) const;
  // The variable of that name; an empty one if there is none.
  ExportedVariable find_variable(const char* name) const;

 private:
  void* address_of(const Elf64_Sym& symbol) const;

  uintptr_t bias_;
  DynamicTable table_;
};

}  // namespace holdwatch
