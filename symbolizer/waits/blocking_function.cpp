// See blocking_function.h.
#include "symbolizer/waits/blocking_function.h"

#include <algorithm>

#include "shim/common/glibc/hooked_functions.h"

namespace holdwatch {
namespace {

// Functions that have no hook, by prefix: their names in symbol tables and debug data begin like this, without leading
// underscores.
struct Row {
  std::string_view prefix;
  BlockingFunction function;
};
constexpr Row kRows[] = {
    {"pthread_mutex_", BlockingFunction::mutex},
    {"pthread_cond_", BlockingFunction::futex},  // pthread_cond_destroy and _signal, for those that have been woken
    {"lll_lock_wait_private", BlockingFunction::libc_lock},
    {"lll_lock_wait", BlockingFunction::mutex},  // only for mutexes: libc's own locks use the private one
    {"pthread_join", BlockingFunction::join},
    {"pthread_timedjoin", BlockingFunction::join},
    {"pthread_clockjoin", BlockingFunction::join},
    {"thrd_join", BlockingFunction::join},
    {"sem_wait", BlockingFunction::semaphore},
    {"sem_timedwait", BlockingFunction::semaphore},
    {"sem_clockwait", BlockingFunction::semaphore},
    {"new_sem_", BlockingFunction::semaphore},
    {"pthread_barrier_", BlockingFunction::barrier},
    {"pthread_once", BlockingFunction::once},
    {"call_once", BlockingFunction::once},
    {"cxa_guard_acquire", BlockingFunction::local_static},
    {"flockfile", BlockingFunction::stream},
    {"syscall", BlockingFunction::futex},
};

// Of libstdc++ and libc++, for std::atomic's wait and what is built on it. In a template's name, its type of return value
// comes first.
constexpr std::string_view kAtomicWaits[] = {"std::__detail::__platform_wait", "std::__atomic_wait_address",
                                             "std::__atomic_futex_unsigned_base", "std::__1::__libcpp_atomic_wait",
                                             "std::__1::__cxx_atomic_wait"};

constexpr BlockingFunction function_of(HookRole role) {
  switch (role) {
    case HookRole::lock_mutex:
      return BlockingFunction::mutex;
    case HookRole::lock_to_read:
      return BlockingFunction::read_lock;
    case HookRole::lock_to_write:
      return BlockingFunction::write_lock;
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

// The internal functions' names begin with the hooked function's: pthread_mutex_lock_full,
// pthread_rwlock_rdlock_full64, pthread_cond_wait_common ...
BlockingFunction by_name(std::string_view name) {
  for (const HookedFunction& function : kHookedFunctions) {
    if (can_block(function.role) && name.starts_with(function.name)) return function_of(function.role);
  }
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                 [name](const Row& candidate) { return name.starts_with(candidate.prefix); });
  if (row != std::end(kRows)) return row->function;
  const bool is_atomic = std::any_of(std::begin(kAtomicWaits), std::end(kAtomicWaits), [name](std::string_view wait) {
    return name.find(wait) != std::string_view::npos;
  });
  return is_atomic ? BlockingFunction::atomic : BlockingFunction::unknown;
}

// Its caller may say more: __cxa_guard_acquire waits by syscall, flockfile by libc's own lock.
constexpr bool is_vague(BlockingFunction function) {
  return function == BlockingFunction::unknown || function == BlockingFunction::futex ||
         function == BlockingFunction::libc_lock;
}

}  // namespace

BlockingFunction blocking_function(const std::vector<std::string>& names) {
  BlockingFunction vague = BlockingFunction::unknown;
  for (const std::string& name : names) {
    const BlockingFunction function = by_name(plain_name(name));
    if (!is_vague(function)) return function;
    if (vague == BlockingFunction::unknown) vague = function;
  }
  return vague;
}

}  // namespace holdwatch
