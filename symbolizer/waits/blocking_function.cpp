// See blocking_function.h.
#include "symbolizer/waits/blocking_function.h"

#include <algorithm>

#include "shim/common/glibc/hooked_functions.h"

namespace holdwatch {
namespace {

// Functions that have no hook, and internal ones that the hooked functions call, with the names that they have in symbol
// tables and debug data, without leading underscores.
struct Row {
  std::string_view name;
  BlockingFunction function;
};
constexpr Row kRows[] = {
    {"pthread_mutex_lock_full", BlockingFunction::mutex},
    {"pthread_mutex_cond_lock", BlockingFunction::mutex},
    {"pthread_mutex_cond_lock_full", BlockingFunction::mutex},
    {"pthread_mutex_clocklock_common", BlockingFunction::mutex},
    {"lll_mutex_lock_optimized", BlockingFunction::mutex},
    {"lll_lock_wait", BlockingFunction::mutex},  // only for mutexes: libc's own locks use the private one
    {"lll_timedlock_wait", BlockingFunction::mutex},
    {"lll_clocklock_wait", BlockingFunction::mutex},
    {"lll_lock_wait_private", BlockingFunction::libc_lock},
    {"pthread_rwlock_rdlock_full", BlockingFunction::read_lock},
    {"pthread_rwlock_wrlock_full", BlockingFunction::write_lock},
    {"pthread_cond_wait_common", BlockingFunction::condition},
    {"pthread_join", BlockingFunction::join},
    {"pthread_timedjoin_np", BlockingFunction::join},
    {"pthread_clockjoin_np", BlockingFunction::join},
    {"pthread_timedjoin_ex", BlockingFunction::join},
    {"pthread_clockjoin_ex", BlockingFunction::join},
    {"thrd_join", BlockingFunction::join},
    {"sem_wait", BlockingFunction::semaphore},
    {"sem_timedwait", BlockingFunction::semaphore},
    {"sem_clockwait", BlockingFunction::semaphore},
    {"new_sem_wait", BlockingFunction::semaphore},
    {"new_sem_wait_slow", BlockingFunction::semaphore},
    {"pthread_barrier_wait", BlockingFunction::barrier},
    {"pthread_once", BlockingFunction::once},
    {"pthread_once_slow", BlockingFunction::once},
    {"call_once", BlockingFunction::once},
    {"cxa_guard_acquire", BlockingFunction::local_static},
    // These wait for threads that have been woken to leave.
    {"pthread_cond_destroy", BlockingFunction::futex},
    {"pthread_cond_signal", BlockingFunction::futex},
    {"pthread_cond_broadcast", BlockingFunction::futex},
    {"pthread_barrier_destroy", BlockingFunction::futex},
    {"syscall", BlockingFunction::futex},
};

// Of libstdc++ and libc++, for std::atomic's wait and what is built on it. In a template's name, its type of return value
// comes first. libc++ has one function for ints, and one for all else (LLVM, libcxx/src/atomic.cpp); inline namespaces are
// left out of names.
struct AtomicWait {
  std::string_view part;
  BlockingFunction function;
};
constexpr AtomicWait kAtomicWaits[] = {
    {"std::__detail::__platform_wait", BlockingFunction::atomic},
    {"std::__atomic_wait_address", BlockingFunction::atomic},
    {"std::__atomic_futex_unsigned_base", BlockingFunction::atomic},
    {"std::__libcpp_atomic_wait(void ", BlockingFunction::libcxx_pool},
    {"std::__libcpp_atomic_wait(", BlockingFunction::libcxx_atomic},
};

constexpr BlockingFunction function_of(HookRole role) {
  switch (role) {
    case HookRole::lock_mutex:
      return BlockingFunction::mutex;
    case HookRole::lock_to_read:
      return BlockingFunction::read_lock;
    case HookRole::lock_to_write:
      return BlockingFunction::write_lock;
    case HookRole::lock_stream:
      return BlockingFunction::stream;
    case HookRole::wait_for_condition:
      return BlockingFunction::condition;
    case HookRole::try_lock:
    case HookRole::other:
      break;
  }
  return BlockingFunction::unknown;
}

std::string_view plain_name(std::string_view function) {
  while (function.starts_with('_')) function.remove_prefix(1);
  if (function.starts_with("GI_")) return plain_name(function.substr(3));
  return function;
}

// Also its variant for a 64-bit time, its clones and its versions: rdlock_full64, slow64.constprop.0,
// clockwrlock@@GLIBC_2.30. Not what merely begins like it: a program's own sem_wait_for().
bool is_named(std::string_view symbol, std::string_view function) {
  if (!symbol.starts_with(function)) return false;
  symbol.remove_prefix(function.size());
  if (symbol.starts_with("64")) symbol.remove_prefix(2);
  return symbol.empty() || symbol.front() == '.' || symbol.front() == '@';
}

BlockingFunction by_name(std::string_view name) {
  for (const HookedFunction& function : kHookedFunctions) {
    if (can_block(function.role) && is_named(name, plain_name(function.name))) return function_of(function.role);
  }
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                 [name](const Row& candidate) { return is_named(name, candidate.name); });
  if (row != std::end(kRows)) return row->function;
  const auto* const atomic =
      std::find_if(std::begin(kAtomicWaits), std::end(kAtomicWaits),
                   [name](const AtomicWait& wait) { return name.find(wait.part) != std::string_view::npos; });
  return atomic == std::end(kAtomicWaits) ? BlockingFunction::unknown : atomic->function;
}

// Its caller may say more: __cxa_guard_acquire waits by syscall, flockfile by libc's own lock.
constexpr bool is_vague(BlockingFunction function) {
  return function == BlockingFunction::unknown || function == BlockingFunction::futex ||
         function == BlockingFunction::libc_lock;
}

}  // namespace

bool is_guard_function(std::string_view name) {
  return by_name(plain_name(name)) == BlockingFunction::local_static;
}

BlockingFunction blocking_function(const std::vector<std::string>& names) {
  const bool has_guard = std::any_of(names.begin(), names.end(), is_guard_function);
  BlockingFunction vague = BlockingFunction::unknown;
  for (const std::string& name : names) {
    const BlockingFunction function = by_name(plain_name(name));
    if (has_guard && (function == BlockingFunction::condition || function == BlockingFunction::mutex))
      return BlockingFunction::libcxxabi_static;
    if (!is_vague(function)) return function;
    if (vague == BlockingFunction::unknown) vague = function;
  }
  return vague;
}

}  // namespace holdwatch
