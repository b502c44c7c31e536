// See lock_call.h.
#include "symbolizer/tools/inspect/lock_call.h"

#include <string_view>

namespace holdwatch {
namespace {

// Under these names, less leading underscores, libc's functions are found in its symbol tables and debug data. What begins
// so belongs to it: pthread_mutex_lock_full, pthread_rwlock_rdlock_full64, pthread_cond_wait_common ...
struct Row {
  std::string_view prefix;
  LockCall call;
};
constexpr Row kRows[] = {
    {"pthread_mutex_", LockCall::mutex},
    {"pthread_rwlock_rdlock", LockCall::read_lock},
    {"pthread_rwlock_timedrdlock", LockCall::read_lock},
    {"pthread_rwlock_clockrdlock", LockCall::read_lock},
    {"pthread_rwlock_wrlock", LockCall::write_lock},
    {"pthread_rwlock_timedwrlock", LockCall::write_lock},
    {"pthread_rwlock_clockwrlock", LockCall::write_lock},
    {"pthread_cond_", LockCall::condition},
    {"lll_lock_wait_private", LockCall::internal},
    {"lll_lock_wait", LockCall::mutex},  // for mutexes only: libc's own locks use the private one
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

std::string_view plain_name(std::string_view function) {
  while (function.starts_with('_')) function.remove_prefix(1);
  if (function.starts_with("GI_")) return plain_name(function.substr(3));
  return function;
}

}  // namespace

LockCall lock_call(const std::vector<Frame>& frames) {
  for (const Frame& frame : frames) {
    const std::string_view name = plain_name(frame.function);
    for (const Row& row : kRows) {
      if (name.starts_with(row.prefix)) return row.call;
    }
  }
  return LockCall::unknown;
}

}  // namespace holdwatch
