// See lock_functions.h.
#include "shim/attach/lock_functions.h"

#include <dlfcn.h>
#include <link.h>

#include <cstddef>

#include "shim/base/libc_functions.h"
#include "shim/inspection/waiting_call.h"
#include "shim/interpose/real_functions.h"

namespace holdwatch {
namespace {

struct Row {
  void* function;
  LockKind kind;
  Access access;
  bool is_condition = false;
};

template <typename Function>
Row row(Function* function, LockKind kind, Access access) {
  return {reinterpret_cast<void*>(function), kind, access};
}

template <typename Function>
Row condition_row(Function* function) {
  return {reinterpret_cast<void*>(function), LockKind::mutex, Access::exclusive, true};
}

constinit WaitingFunction g_functions[13] = {};

// Where the code is that the thread waits in. pthread_mutex_timedlock and _clocklock are a few instructions that end in a
// jump to what they have in common, which has no name of its own and stands right before them
// (nptl/pthread_mutex_timedlock.c).
WaitingFunction code_of(const Row& row, uintptr_t start, size_t size) {
  constexpr size_t kMaxOfStub = 32;
  constexpr size_t kMaxOfCommon = 16 * 1024;
  constexpr unsigned char kJump = 0xe9;  // jmp rel32
  const auto* code = reinterpret_cast<const unsigned char*>(start);
  for (size_t i = 0; size <= kMaxOfStub && i + 5 <= size; ++i) {
    int32_t distance = 0;
    __builtin_memcpy(&distance, code + i + 1, sizeof distance);
    const uintptr_t target = start + i + 5 + static_cast<uintptr_t>(static_cast<intptr_t>(distance));
    if (code[i] == kJump && target < start && start - target < kMaxOfCommon)
      return {target, start, row.kind, row.access, row.is_condition};
  }
  return {start, start + size, row.kind, row.access, row.is_condition};
}

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
      condition_row(g_real.pthread_cond_wait),
      condition_row(g_real.pthread_cond_timedwait),
      condition_row(g_real.pthread_cond_clockwait),
  };
  static_assert(std::size(rows) == std::size(g_functions));
  for (const Row& one : rows) {
    Dl_info info;
    const ElfW(Sym)* symbol = nullptr;
    void** const out = reinterpret_cast<void**>(const_cast<ElfW(Sym)**>(&symbol));
    if (libc().dladdr1(one.function, &info, out, RTLD_DL_SYMENT) == 0 || symbol == nullptr) continue;
    g_functions[count++] = code_of(one, reinterpret_cast<uintptr_t>(one.function), symbol->st_size);
  }
  set_waiting_functions(g_functions, count);
}

}  // namespace holdwatch
