// See lock_functions.h.
#include "shim/attach/lock_functions.h"

#include <dlfcn.h>
#include <link.h>

#include <cstddef>

#include "shim/interpose/real_functions.h"
#include "shim/watch/waiting_call.h"

namespace holdwatch {
namespace {

struct Row {
  void* function;
  LockKind kind;
  Access access;
};

template <typename Function>
Row row(Function* function, LockKind kind, Access access) {
  return {reinterpret_cast<void*>(function), kind, access};
}

WaitingFunction g_functions[10];

}  // namespace

void note_lock_functions() {
  static unsigned count = 0;
  if (count > 0) return;
  const Row rows[] = {
      row(g_real.pthread_mutex_lock, LockKind::mutex, Access::exclusive),
      row(g_real.pthread_mutex_timedlock, LockKind::mutex, Access::exclusive),
      row(g_real.pthread_mutex_clocklock, LockKind::mutex, Access::exclusive),
      row(g_real.mtx_lock, LockKind::mutex, Access::exclusive),
      row(g_real.pthread_rwlock_rdlock, LockKind::rwlock, Access::shared),
      row(g_real.pthread_rwlock_timedrdlock, LockKind::rwlock, Access::shared),
      row(g_real.pthread_rwlock_clockrdlock, LockKind::rwlock, Access::shared),
      row(g_real.pthread_rwlock_wrlock, LockKind::rwlock, Access::exclusive),
      row(g_real.pthread_rwlock_timedwrlock, LockKind::rwlock, Access::exclusive),
      row(g_real.pthread_rwlock_clockwrlock, LockKind::rwlock, Access::exclusive),
  };
  static_assert(std::size(rows) == std::size(g_functions));
  for (const Row& one : rows) {
    Dl_info info;
    const ElfW(Sym)* symbol = nullptr;
    void** const out = reinterpret_cast<void**>(const_cast<ElfW(Sym)**>(&symbol));
    if (dladdr1(one.function, &info, out, RTLD_DL_SYMENT) == 0 || symbol == nullptr) continue;
    const auto start = reinterpret_cast<uintptr_t>(one.function);
    g_functions[count++] = {start, start + symbol->st_size, one.kind, one.access};
  }
  set_waiting_functions(g_functions, count);
}

}  // namespace holdwatch
