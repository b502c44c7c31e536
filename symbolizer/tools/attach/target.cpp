// See target.h. The dynamic section as the loader left it: glibc relocates its addresses in place.
#include "symbolizer/tools/attach/target.h"

#include <elf.h>
#include <link.h>
#include <sys/uio.h>

#include <algorithm>

namespace holdwatch::control {
namespace {

struct DynamicTables {
  uintptr_t symbols = 0, strings = 0, hash = 0;
};

std::optional<DynamicTables> dynamic_tables(MemoryReader& memory, const Module& module) {
  const auto header = memory.read_constant_value<Elf64_Ehdr>(module.start);
  if (!header || header->e_phentsize != sizeof(Elf64_Phdr)) return std::nullopt;
  DynamicTables tables;
  for (unsigned i = 0; i < header->e_phnum; ++i) {
    const auto segment =
        memory.read_constant_value<Elf64_Phdr>(module.start + header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment || segment->p_type != PT_DYNAMIC) continue;
    for (uintptr_t at = module.bias + segment->p_vaddr;; at += sizeof(Elf64_Dyn)) {
      const auto entry = memory.read_constant_value<Elf64_Dyn>(at);
      if (!entry || entry->d_tag == DT_NULL) break;
      const uintptr_t value = entry->d_un.d_ptr < module.bias ? entry->d_un.d_ptr + module.bias : entry->d_un.d_ptr;
      if (entry->d_tag == DT_SYMTAB) tables.symbols = value;
      if (entry->d_tag == DT_STRTAB) tables.strings = value;
      if (entry->d_tag == DT_GNU_HASH) tables.hash = value;
    }
  }
  if (tables.symbols == 0 || tables.strings == 0 || tables.hash == 0) return std::nullopt;
  return tables;
}

uint32_t gnu_hash(const std::string& name) {
  uint32_t hash = 5381;
  for (const char c : name) hash = hash * 33 + static_cast<unsigned char>(c);
  return hash;
}

}  // namespace

// The layout of DT_GNU_HASH: four words, the Bloom filter, the buckets, the chains (binutils, elflink.c).
std::optional<RemoteSymbol> Target::symbol(const Module& module, const std::string& name) {
  struct Head {
    uint32_t buckets, first, bloom_words, shift;
  };
  const auto tables = dynamic_tables(memory_, module);
  if (!tables) return std::nullopt;
  const auto head = memory_.read_constant_value<Head>(tables->hash);
  if (!head || head->buckets == 0) return std::nullopt;
  const uint32_t hash = gnu_hash(name);
  const uintptr_t buckets = tables->hash + sizeof(Head) + head->bloom_words * sizeof(uint64_t);
  const uintptr_t chains = buckets + head->buckets * sizeof(uint32_t);
  const auto bucket = memory_.read_constant_value<uint32_t>(buckets + hash % head->buckets * sizeof(uint32_t));
  if (!bucket || *bucket < head->first) return std::nullopt;
  for (uint32_t index = *bucket;; ++index) {
    const auto chained = memory_.read_constant_value<uint32_t>(chains + (index - head->first) * sizeof(uint32_t));
    if (!chained) return std::nullopt;
    if ((*chained | 1) == (hash | 1)) {
      const auto found = memory_.read_constant_value<Elf64_Sym>(tables->symbols + index * sizeof(Elf64_Sym));
      if (found && found->st_shndx != SHN_UNDEF && has_text(tables->strings + found->st_name, name))
        return RemoteSymbol{module.bias + found->st_value, found->st_size};
    }
    if ((*chained & 1) != 0) return std::nullopt;
  }
}

// A module that the loader was still relocating has other tables afterwards.
void Target::refresh() {
  const uint64_t before = modules_.generation();
  modules_.refresh();
  if (modules_.generation() != before) memory_.forget();
}

bool Target::has_text(uintptr_t address, const std::string& text) {
  std::string there(text.size() + 1, '\1');
  return memory_.read_constant(address, there.data(), there.size()) == there.size() && there.c_str() == text;
}

std::optional<RemoteSymbol> Target::symbol(const std::string& name) {
  for (const auto& module : modules_.all())
    if (const auto found = symbol(*module, name)) return found;
  return std::nullopt;
}

const Module* Target::module_with(const std::string& symbol_name) {
  for (const auto& module : modules_.all())
    if (symbol(*module, symbol_name)) return module.get();
  return nullptr;
}

// A process may have several: each of the loader's namespaces has its own, and a process that was watched before has one of
// ours. The program's is in the first namespace, which the loader shows to debuggers.
const Module* Target::libc() {
  const std::vector<uintptr_t> program = biases_in_program();
  const Module* found = nullptr;
  for (const auto& module : modules_.all()) {
    if (!symbol(*module, "gnu_get_libc_version")) continue;
    found = module.get();
    if (std::find(program.begin(), program.end(), module->bias) != program.end()) break;
  }
  return found;
}

std::vector<uintptr_t> Target::biases_in_program() {
  constexpr size_t kMax = 100'000;  // the list is in memory that the program may have spoilt
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

uintptr_t Target::libc_function(const std::string& name) {
  const auto known = libc_functions_.find(name);
  if (known != libc_functions_.end()) return known->second;
  const Module* module = libc();
  const auto found = module == nullptr ? std::nullopt : symbol(*module, name);
  return libc_functions_[name] = found ? found->address : 0;
}

bool Target::write(uintptr_t address, const void* data, size_t size) {
  const iovec local{const_cast<void*>(data), size};
  const iovec remote{reinterpret_cast<void*>(address), size};  // NOLINT(performance-no-int-to-ptr)
  return process_vm_writev(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

}  // namespace holdwatch::control
