// The process that a command works on: its memory, its modules, and the symbols that they export.
// Reads only; nothing here stops or changes the process.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "symbolizer/unwind/modules.h"
#include "symbolizer/unwind/process_memory.h"

namespace holdwatch::attach {

struct RemoteSymbol {
  uintptr_t address = 0;
  size_t size = 0;
};

class AttachTarget {
 public:
  explicit AttachTarget(int pid) : pid_(pid), memory_(pid), modules_(pid, memory_) {}

  int pid() const { return pid_; }
  ProcessMemory& memory() { return memory_; }
  Modules& modules() { return modules_; }
  void refresh();

  // From the module's hash table in memory, so that it is right for this process, whatever files the same paths lead to
  // here.
  std::optional<RemoteSymbol> symbol(const Module& module, const std::string& name);
  std::optional<RemoteSymbol> symbol(const std::string& name);  // in the first module that has it

  const Module* module_with(const std::string& symbol_name);
  // Null if there is no glibc.
  const Module* libc();
  // The address of a function of glibc, 0 if it has none of that name. Looked up only once.
  uintptr_t libc_function(const std::string& name);

  std::string read_string(uintptr_t address) { return memory_.read_string(address); }
  bool write(uintptr_t address, const void* data, size_t size);

 private:
  // Of the modules in the program's own loader namespace; empty if the loader does not show them.
  std::vector<uintptr_t> biases_in_program();

  int pid_;
  ProcessMemory memory_;
  Modules modules_;
  std::map<std::string, uintptr_t> libc_functions_;
};

}  // namespace holdwatch::attach
