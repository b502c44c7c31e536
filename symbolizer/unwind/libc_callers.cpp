// See libc_callers.h.
#include "symbolizer/unwind/libc_callers.h"

#include <elf.h>

#include <algorithm>
#include <string_view>

#include "shim/common/elf/dynamic_table.h"

namespace holdwatch {
namespace {

// In one module.
constexpr size_t kMaxCalls = 64 * 1024;
constexpr size_t kMaxSymbols = 256 * 1024;
constexpr size_t kMaxStrings = size_t{16} << 20;
constexpr std::string_view kStart = "__libc_start_main";
constexpr std::string_view kLockCalls[] = {"pthread_mutex_lock",    "pthread_mutex_trylock", "pthread_mutex_timedlock",
                                           "pthread_rwlock_rdlock", "pthread_rwlock_wrlock", "mtx_lock"};

// Up to `most` of `count` items; fewer if the memory ends.
template <typename Item>
std::vector<Item> read_items(uintptr_t address, size_t count, size_t most, MemoryReader& memory) {
  std::vector<Item> items(std::min(count, most));
  items.resize(memory.read(address, items.data(), items.size() * sizeof(Item)) / sizeof(Item));
  return items;
}

bool is_of_interest(std::string_view name) {
  return name == kStart || std::find(std::begin(kLockCalls), std::end(kLockCalls), name) != std::end(kLockCalls);
}

// Calls `visit(name, address it is bound to)` for each relevant function in the table. Uses few, large reads: one small
// read per item would take longer than the report.
template <typename Visit>
void for_each_call(const Module& module, const DynamicTable& table, const DynamicTable::Relocations& calls,
                   MemoryReader& memory, Visit visit) {
  if (calls.start == 0 || table.symbols == 0 || table.strings == 0) return;
  const auto relocations = read_items<Elf64_Rela>(calls.start, calls.count, kMaxCalls, memory);
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
  const DynamicTable table = find_dynamic_table(memory, module.start, module.bias);
  for (const auto& calls : {table.data, table.calls}) for_each_call(module, table, calls, memory, visit);
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
