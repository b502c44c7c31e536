// See libc_callers.h.
#include "symbolizer/unwind/libc_callers.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace holdwatch {
namespace {

constexpr size_t kMaxHeaders = 64;
constexpr size_t kMaxDynamic = 256;
// Of one module.
constexpr size_t kMaxCalls = 64 * 1024;
constexpr size_t kMaxSymbols = 256 * 1024;
constexpr size_t kMaxStrings = size_t{16} << 20;
constexpr std::string_view kStart = "__libc_start_main";
constexpr std::string_view kLockCalls[] = {"pthread_mutex_lock",    "pthread_mutex_trylock", "pthread_mutex_timedlock",
                                           "pthread_rwlock_rdlock", "pthread_rwlock_wrlock", "mtx_lock"};

// Where a module keeps the addresses of the functions that it calls; 0: not at all.
struct CallTable {
  uintptr_t relocations = 0;
  size_t count = 0;
  uintptr_t symbols = 0;
  uintptr_t strings = 0;
  size_t strings_size = 0;
};

// The loader puts run-time addresses in place of those of the file, but not everywhere.
uintptr_t at_run_time(uintptr_t address, const Module& module) {
  return address < module.bias ? address + module.bias : address;
}

uintptr_t dynamic_section(const Module& module, MemoryReader& memory) {
  const auto header = memory.read_value<Elf64_Ehdr>(module.start);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return 0;
  for (size_t i = 0; i < std::min<size_t>(header->e_phnum, kMaxHeaders); ++i) {
    const auto segment = memory.read_value<Elf64_Phdr>(module.start + header->e_phoff + i * sizeof(Elf64_Phdr));
    if (segment && segment->p_type == PT_DYNAMIC) return module.bias + segment->p_vaddr;
  }
  return 0;
}

// Those of calls that are bound at once (DT_RELA) and one by one (DT_JMPREL).
std::vector<CallTable> call_tables(const Module& module, MemoryReader& memory) {
  CallTable bound_at_once, one_by_one;
  const uintptr_t dynamic = dynamic_section(module, memory);
  for (size_t i = 0; dynamic != 0 && i < kMaxDynamic; ++i) {
    const auto entry = memory.read_value<Elf64_Dyn>(dynamic + i * sizeof(Elf64_Dyn));
    if (!entry || entry->d_tag == DT_NULL) break;
    const uintptr_t address = at_run_time(entry->d_un.d_ptr, module);
    if (entry->d_tag == DT_RELA) bound_at_once.relocations = address;
    if (entry->d_tag == DT_RELASZ) bound_at_once.count = entry->d_un.d_val / sizeof(Elf64_Rela);
    if (entry->d_tag == DT_JMPREL) one_by_one.relocations = address;
    if (entry->d_tag == DT_PLTRELSZ) one_by_one.count = entry->d_un.d_val / sizeof(Elf64_Rela);
    if (entry->d_tag == DT_SYMTAB) bound_at_once.symbols = one_by_one.symbols = address;
    if (entry->d_tag == DT_STRTAB) bound_at_once.strings = one_by_one.strings = address;
    if (entry->d_tag == DT_STRSZ) bound_at_once.strings_size = one_by_one.strings_size = entry->d_un.d_val;
  }
  return {bound_at_once, one_by_one};
}

// Up to `most` of `count` items; fewer where the memory ends.
template <typename Item>
std::vector<Item> read_items(uintptr_t address, size_t count, size_t most, MemoryReader& memory) {
  std::vector<Item> items(std::min(count, most));
  items.resize(memory.read(address, items.data(), items.size() * sizeof(Item)) / sizeof(Item));
  return items;
}

bool is_of_interest(std::string_view name) {
  return name == kStart || std::find(std::begin(kLockCalls), std::end(kLockCalls), name) != std::end(kLockCalls);
}

// Calls `visit(name, address it is bound to)` for each function of interest that the table has. A few big reads: a small one
// each would take longer than the report.
template <typename Visit>
void for_each_call(const Module& module, const CallTable& table, MemoryReader& memory, Visit visit) {
  if (table.relocations == 0 || table.symbols == 0 || table.strings == 0) return;
  const auto relocations = read_items<Elf64_Rela>(table.relocations, table.count, kMaxCalls, memory);
  const auto binds = [](const Elf64_Rela& one) {
    return ELF64_R_TYPE(one.r_info) == R_X86_64_JUMP_SLOT || ELF64_R_TYPE(one.r_info) == R_X86_64_GLOB_DAT;
  };
  size_t symbol_count = 0;
  for (const Elf64_Rela& one : relocations)
    if (binds(one)) symbol_count = std::max<size_t>(symbol_count, ELF64_R_SYM(one.r_info) + 1);
  const auto symbols = read_items<Elf64_Sym>(table.symbols, symbol_count, kMaxSymbols, memory);
  auto strings = read_items<char>(table.strings, table.strings_size, kMaxStrings, memory);
  strings.push_back('\0');
  for (const Elf64_Rela& one : relocations) {
    const size_t index = ELF64_R_SYM(one.r_info);
    if (!binds(one) || index >= symbols.size() || symbols[index].st_name >= strings.size()) continue;
    const std::string_view name(&strings[symbols[index].st_name]);
    if (!is_of_interest(name)) continue;
    if (const auto target = memory.read_value<uintptr_t>(module.bias + one.r_offset)) visit(name, *target);
  }
}

template <typename Visit>
void for_each_call(const Module& module, MemoryReader& memory, Visit visit) {
  for (const CallTable& table : call_tables(module, memory)) for_each_call(module, table, memory, visit);
}

const Module* program_libc(const Modules& modules, MemoryReader& memory) {
  const Module* libc = nullptr;
  for (const auto& module : modules.all()) {
    for_each_call(*module, memory, [&](std::string_view name, uintptr_t target) {
      if (name == kStart && libc == nullptr) libc = modules.find(target);
    });
    if (libc != nullptr) break;
  }
  return libc;
}

}  // namespace

std::vector<std::string> libc_lock_callers(const Modules& modules, MemoryReader& memory) {
  std::vector<std::string> callers;
  const Module* libc = program_libc(modules, memory);
  if (libc == nullptr) return callers;
  for (const auto& module : modules.all()) {
    bool calls = false;
    for_each_call(*module, memory,
                  [&](std::string_view name, uintptr_t target) { calls |= name != kStart && libc->executes(target); });
    const bool is_ours = module->path.find("libholdwatch") != std::string::npos;
    if (calls && module.get() != libc && !is_ours) callers.push_back(module->path);
  }
  return callers;
}

}  // namespace holdwatch
