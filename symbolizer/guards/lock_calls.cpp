// See lock_calls.h.
#include "symbolizer/guards/lock_calls.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "shim/common/elf/dynamic_table.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxKnown = 1u << 14;
constexpr size_t kMaxRelocations = 1u << 16;  // in one module
constexpr size_t kLongestName = 1024;         // of a function that is looked for in other modules

struct Row {
  std::string_view name;
  CallEffect effect;
  LockKind kind = LockKind::mutex;
};

// libc's functions; those of libstdc++ and of the C++ ABI as linkage stubs name them.
constexpr Row kRows[] = {{"pthread_mutex_lock", CallEffect::acquires},
                         {"pthread_mutex_trylock", CallEffect::tries},
                         {"pthread_mutex_timedlock", CallEffect::tries},
                         {"pthread_mutex_clocklock", CallEffect::tries},
                         {"pthread_mutex_unlock", CallEffect::releases},
                         {"mtx_lock", CallEffect::acquires},
                         {"mtx_trylock", CallEffect::tries},
                         {"mtx_timedlock", CallEffect::tries},
                         {"mtx_unlock", CallEffect::releases},
                         {"pthread_rwlock_rdlock", CallEffect::acquires, LockKind::rwlock},
                         {"pthread_rwlock_tryrdlock", CallEffect::tries, LockKind::rwlock},
                         {"pthread_rwlock_timedrdlock", CallEffect::tries, LockKind::rwlock},
                         {"pthread_rwlock_clockrdlock", CallEffect::tries, LockKind::rwlock},
                         {"pthread_rwlock_wrlock", CallEffect::acquires, LockKind::rwlock},
                         {"pthread_rwlock_trywrlock", CallEffect::tries, LockKind::rwlock},
                         {"pthread_rwlock_timedwrlock", CallEffect::tries, LockKind::rwlock},
                         {"pthread_rwlock_clockwrlock", CallEffect::tries, LockKind::rwlock},
                         {"pthread_rwlock_unlock", CallEffect::releases, LockKind::rwlock},
                         {"pthread_cond_wait", CallEffect::waits},
                         {"pthread_cond_timedwait", CallEffect::waits},
                         {"pthread_cond_clockwait", CallEffect::waits},
                         {"cnd_wait", CallEffect::waits},
                         {"cnd_timedwait", CallEffect::waits},
                         {"_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE", CallEffect::waits},
                         {"pthread_cond_signal", CallEffect::signals},
                         {"pthread_cond_broadcast", CallEffect::signals},
                         {"cnd_signal", CallEffect::signals},
                         {"cnd_broadcast", CallEffect::signals},
                         {"sem_post", CallEffect::signals},
                         {"_ZNSt18condition_variable10notify_oneEv", CallEffect::signals},
                         {"_ZNSt18condition_variable10notify_allEv", CallEffect::signals},
                         {"std::condition_variable::notify_one()", CallEffect::signals},
                         {"std::condition_variable::notify_all()", CallEffect::signals},
                         {"__gcc_personality_v0", CallEffect::cleans_up},
                         {"__cxa_begin_catch", CallEffect::catches},
                         {"_Unwind_Resume", CallEffect::ends},
                         {"__cxa_rethrow", CallEffect::ends},
                         {"__cxa_throw", CallEffect::ends},
                         {"__cxa_call_unexpected", CallEffect::ends},
                         {"_ZSt9terminatev", CallEffect::terminates},
                         {"std::terminate()", CallEffect::terminates},
                         {"__clang_call_terminate", CallEffect::terminates},
                         {"abort", CallEffect::terminates},
                         {"exit", CallEffect::ends},
                         {"_exit", CallEffect::ends},
                         {"pthread_exit", CallEffect::ends},
                         {"longjmp", CallEffect::ends},
                         {"siglongjmp", CallEffect::ends},
                         {"__stack_chk_fail", CallEffect::ends},
                         {"__assert_fail", CallEffect::ends},
                         {"_ZSt21__glibcxx_assert_failPKciS0_S0_", CallEffect::ends}};

// "pthread_mutex_unlock" of "__pthread_mutex_unlock@plt": libc has several names for one function.
std::string_view plain(std::string_view name) {
  name = name.substr(0, name.find('@'));
  const std::string_view bare = name.substr(std::min(name.find_first_not_of('_'), name.size()));
  return bare.starts_with("pthread_") ? bare : name;
}

// libstdc++'s functions that throw have names of this form: std::__throw_system_error(int).
bool is_throwing(std::string_view name) {
  return name.find("__throw_") != std::string_view::npos;
}

std::optional<CallTarget> effect_of(std::string_view name) {
  name = plain(name);
  for (const Row& row : kRows) {
    if (row.name == name) return CallTarget{row.effect, row.kind};
  }
  if (is_throwing(name)) return CallTarget{CallEffect::ends};
  return std::nullopt;
}

}  // namespace

const CallTarget& LockCalls::of(uintptr_t target) {
  if (const auto found = known_.find(target); found != known_.end()) return found->second;
  if (known_.size() == kMaxKnown) known_.clear();
  return known_.emplace(target, look_up(target)).first->second;
}

// The slot that a linkage stub jumps through; 0 if it is none.
uintptr_t LockCalls::slot_of(uintptr_t target) {
  uintptr_t pc = target;
  if (const DecodedInstruction& first = code_.at(pc); first.action == Action::nothing) pc += first.length;
  const DecodedInstruction& jump = code_.at(pc);
  const Operand& slot = jump.operands[0];
  if (jump.action != Action::jump || slot.kind != Operand::Kind::memory || !slot.is_relative) return 0;
  return pc + jump.length + static_cast<uintptr_t>(slot.displacement);
}

// A slot that is not bound leads back into the module's own linkage table, where the number of its relocation is pushed.
bool LockCalls::leads_to_loader(uintptr_t pc) {
  if (const DecodedInstruction& first = code_.at(pc); first.action == Action::nothing) pc += first.length;
  const DecodedInstruction& push = code_.at(pc);
  return push.action == Action::push && push.operands[0].kind == Operand::Kind::constant;
}

// What a slot will be bound to when the function is called for the first time: one of the module itself, or else of another one.
LockCalls::Binding LockCalls::binding_of(uintptr_t slot, const Module& module) {
  const ConstantMemory source{memory_};
  const DynamicTable table = find_dynamic_table(source, module.start, module.bias);
  std::vector<Elf64_Rela> relocations(std::min(table.calls.count, kMaxRelocations));
  relocations.resize(source.read(table.calls.start, relocations.data(), relocations.size() * sizeof(Elf64_Rela)) /
                     sizeof(Elf64_Rela));
  const auto found = std::find_if(relocations.begin(), relocations.end(),
                                  [&](const Elf64_Rela& one) { return module.bias + one.r_offset == slot; });
  Elf64_Sym symbol;
  const bool is_there =
      found != relocations.end() &&
      source.read(table.symbols + ELF64_R_SYM(found->r_info) * sizeof symbol, &symbol, sizeof symbol) == sizeof symbol;
  if (!is_there || symbol.st_name >= table.strings_size) return {};
  std::array<char, kLongestName> text{};
  const size_t size = source.read(table.strings + symbol.st_name, text.data(), text.size() - 1);
  Binding binding{text.data(), 0};
  if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF)
    return {binding.name, module.bias + symbol.st_value};
  if (size == 0 || std::strlen(text.data()) == text.size() - 1) return binding;
  for (const auto& other : modules_.all()) {
    if (!find_exported_symbol(source, find_dynamic_table(source, other->start, other->bias), binding.name, &symbol))
      continue;
    if (!is_runtime_library(other.get())) return {binding.name, other->bias + symbol.st_value};
    binding.is_librarys = true;
  }
  return binding;
}

CallTarget LockCalls::look_up(uintptr_t target) {
  if (const auto known = effect_of(resolve_(target, true).back().function)) return *known;
  const uintptr_t slot = slot_of(target);
  uintptr_t function = slot == 0 ? target : memory_.read_value<uintptr_t>(slot).value_or(target);
  const Module* module = modules_.find(function);
  if (module == nullptr) return {};
  if (function != target && leads_to_loader(function)) {
    const Binding binding = binding_of(slot, *module);
    if (const auto known = effect_of(binding.name)) return *known;
    if (binding.function == 0) return {CallEffect::unknown, LockKind::mutex, 0, binding.is_librarys};
    function = binding.function;
    module = modules_.find(function);
  }
  if (function != target) {
    if (const auto known = effect_of(resolve_(function, true).back().function)) return *known;
  }
  if (is_runtime_library(module)) return {CallEffect::unknown, LockKind::mutex, 0, true};
  return {CallEffect::unknown, LockKind::mutex, function};
}

}  // namespace holdwatch
