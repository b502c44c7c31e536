// See target.h. Reads the dynamic section as the loader left it: glibc relocates its addresses in place.
#include "symbolizer/tools/attach/target.h"

#include <elf.h>
#include <link.h>
#include <sys/uio.h>

#include <algorithm>

#include "shim/common/elf/dynamic_table.h"

namespace holdwatch::attach {

std::optional<RemoteSymbol> AttachTarget::symbol(const Module& module, const std::string& name) {
  const ConstantMemory memory{memory_};
  Elf64_Sym found;
  if (!find_exported_symbol(memory, find_dynamic_table(memory, module.start, module.bias), name, &found))
    return std::nullopt;
  return RemoteSymbol{module.bias + found.st_value, found.st_size};
}

// If the loader was still relocating a module, its tables are different afterwards.
void AttachTarget::refresh() {
  const uint64_t before = modules_.generation();
  modules_.refresh();
  if (modules_.generation() != before) memory_.forget();
}

std::optional<RemoteSymbol> AttachTarget::symbol(const std::string& name) {
  for (const auto& module : modules_.all())
    if (const auto found = symbol(*module, name)) return found;
  return std::nullopt;
}

const Module* AttachTarget::module_with(const std::string& symbol_name) {
  for (const auto& module : modules_.all())
    if (symbol(*module, symbol_name)) return module.get();
  return nullptr;
}

// A process may have several: each of the loader's namespaces has its own, and a process that was watched before has
// one of ours. The program's is in the first namespace, which the loader shows to debuggers.
const Module* AttachTarget::libc() {
  const std::vector<uintptr_t> program = biases_in_program();
  const Module* found = nullptr;
  for (const auto& module : modules_.all()) {
    if (!symbol(*module, "gnu_get_libc_version")) continue;
    found = module.get();
    if (std::find(program.begin(), program.end(), module->bias) != program.end()) break;
  }
  return found;
}

std::vector<uintptr_t> AttachTarget::biases_in_program() {
  constexpr size_t kMax = 100'000;  // the list is in memory that the program may have corrupted
  std::vector<uintptr_t> biases;
  const auto debugger = symbol("_r_debug");
  const auto head = debugger ? memory_.read_value<r_debug>(debugger->address) : std::nullopt;
  uintptr_t at = head ? reinterpret_cast<uintptr_t>(head->r_map) : 0;
  while (at != 0 && biases.size() < kMax) {
    const auto map = memory_.read_value<link_map>(at);
    if (!map) break;
    biases.push_back(map->l_addr);
    at = reinterpret_cast<uintptr_t>(map->l_next);
  }
  return biases;
}

uintptr_t AttachTarget::libc_function(const std::string& name) {
  const auto known = libc_functions_.find(name);
  if (known != libc_functions_.end()) return known->second;
  const Module* module = libc();
  const auto found = module == nullptr ? std::nullopt : symbol(*module, name);
  return libc_functions_[name] = found ? found->address : 0;
}

bool AttachTarget::write(uintptr_t address, const void* data, size_t size) {
  const iovec local{const_cast<void*>(data), size};
  const iovec remote{reinterpret_cast<void*>(address), size};  // NOLINT(performance-no-int-to-ptr)
  return process_vm_writev(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

}  // namespace holdwatch::attach
