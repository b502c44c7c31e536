// See lock_call.h.
#include "symbolizer/tools/inspect/lock_call.h"

#include <string_view>

#include "shim/common/glibc/hooked_functions.h"

namespace holdwatch {
namespace {

// libc's functions that have no hook, by prefix: without leading underscores, their names in libc's symbol tables and
// debug data begin like this.
struct LockCallRow {
  std::string_view prefix;
  LockCall call;
};
constexpr LockCallRow kRows[] = {
    {"pthread_mutex_", LockCall::mutex},
    {"pthread_cond_", LockCall::condition},
    {"lll_lock_wait_private", LockCall::internal},
    {"lll_lock_wait", LockCall::mutex},  // only for mutexes: libc's own locks use the private one
    {"sem_", LockCall::other},
    {"new_sem_", LockCall::other},
    {"pthread_barrier_", LockCall::other},
    {"pthread_once", LockCall::other},
    {"pthread_join", LockCall::other},
    {"pthread_timedjoin", LockCall::other},
    {"pthread_clockjoin", LockCall::other},
    {"thrd_join", LockCall::other},
    {"syscall", LockCall::other},
};

constexpr LockCall call_of(HookRole role) {
  switch (role) {
    case HookRole::lock_mutex:
      return LockCall::mutex;
    case HookRole::lock_to_read:
      return LockCall::read_lock;
    case HookRole::lock_to_write:
      return LockCall::write_lock;
    case HookRole::wait_for_condition:
      return LockCall::condition;
    case HookRole::try_lock:
    case HookRole::other:
      break;
  }
  return LockCall::unknown;
}

std::string_view plain_name(std::string_view function) {
  while (function.starts_with('_')) function.remove_prefix(1);
  if (function.starts_with("GI_")) return plain_name(function.substr(3));
  return function;
}

// The internal functions' names begin with the hooked function's: pthread_mutex_lock_full,
// pthread_rwlock_rdlock_full64, pthread_cond_wait_common ...
LockCall call_by_name(std::string_view name) {
  for (const HookedFunction& function : kHookedFunctions) {
    if (can_block(function.role) && name.starts_with(function.name)) return call_of(function.role);
  }
  for (const LockCallRow& row : kRows) {
    if (name.starts_with(row.prefix)) return row.call;
  }
  return LockCall::unknown;
}

}  // namespace

LockCall lock_call(const std::vector<Frame>& frames) {
  for (const Frame& frame : frames) {
    const LockCall call = call_by_name(plain_name(frame.function));
    if (call != LockCall::unknown) return call;
  }
  return LockCall::unknown;
}

}  // namespace holdwatch
