// See lock_functions.h.
#include "shim/attach/lock_functions.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstddef>

#include "shim/base/libc_functions.h"
#include "shim/common/glibc/hooked_functions.h"
#include "shim/inspection/waiting_call.h"
#include "shim/interpose/real_functions.h"
#include "shim/own_threads/loader_use.h"

namespace holdwatch {
namespace {

constinit WaitingFunction g_functions[kHookedFunctionCount] = {};

// libc, libpthread before glibc 2.34, and what other preloaded libraries put in their place.
constinit UnwoundModule g_modules[4] = {};
size_t g_module_count = 0;

void note_module(uintptr_t start) {
  const auto is_it = [start](const UnwoundModule& module) { return module.start == start; };
  if (g_module_count < std::size(g_modules) && std::none_of(g_modules, g_modules + g_module_count, is_it))
    g_modules[g_module_count++] = unwound_module_at(start);
}

// The range of the code in which the thread waits. pthread_mutex_timedlock and _clocklock are a few instructions that
// end in a jump to their common code, which has no name of its own and is located right before them
// (nptl/pthread_mutex_timedlock.c).
WaitingFunction code_of(HookRole role, uintptr_t start, size_t size) {
  const LockKind kind = kind_of_lock(role);
  const Access access = access_of_lock(role);
  const bool is_condition = role == HookRole::wait_for_condition;
  constexpr size_t kMaxOfStub = 32;
  constexpr size_t kMaxOfCommon = 16 * 1024;
  constexpr unsigned char kJump = 0xe9;  // jmp rel32
  const auto* code = reinterpret_cast<const unsigned char*>(start);
  for (size_t i = 0; size <= kMaxOfStub && i + 5 <= size; ++i) {
    int32_t distance = 0;
    __builtin_memcpy(&distance, code + i + 1, sizeof distance);
    const uintptr_t target = start + i + 5 + static_cast<uintptr_t>(static_cast<intptr_t>(distance));
    if (code[i] == kJump && target < start && start - target < kMaxOfCommon)
      return {target, start, kind, access, is_condition};
  }
  return {start, start + size, kind, access, is_condition};
}

}  // namespace

// The names with underscores lead to the same code as those without.
void note_lock_functions() {
  static size_t count = 0;
  if (count > 0) return;
  const LoaderUse loader(LoaderUser::attachment);
  const void* const addresses[] = {
#define HOLDWATCH_FUNCTION(name, version, missing_result, role, ...) reinterpret_cast<void*>(g_real.name),
#include "shim/common/glibc/hooked_functions.def"
#undef HOLDWATCH_FUNCTION
  };
  note_module(libc_module().l_addr);
  for (size_t i = 0; i < kHookedFunctionCount; ++i) {
    if (!can_block(kHookedFunctions[i].role) || kHookedFunctions[i].name[0] == '_') continue;
    Dl_info info;
    const ElfW(Sym)* symbol = nullptr;
    void** const out = reinterpret_cast<void**>(const_cast<ElfW(Sym)**>(&symbol));
    if (libc().dladdr1(addresses[i], &info, out, RTLD_DL_SYMENT) == 0 || symbol == nullptr) continue;
    note_module(reinterpret_cast<uintptr_t>(info.dli_fbase));
    const auto start = reinterpret_cast<uintptr_t>(addresses[i]);
    g_functions[count++] = code_of(kHookedFunctions[i].role, start, symbol->st_size);
  }
  set_waiting_code({g_functions, count, g_modules, g_module_count});
}

}  // namespace holdwatch
