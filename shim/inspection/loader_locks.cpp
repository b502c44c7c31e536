// See loader_locks.h.
#include "shim/inspection/loader_locks.h"

#include <pthread.h>

#include <algorithm>

#include "shim/base/libc_functions.h"
#include "shim/common/glibc/lock_fields.h"
#include "shim/common/glibc/lock_layout.h"
#include "shim/inspection/task_files.h"
#include "shim/inspection/waiting_call.h"

namespace holdwatch {
namespace {

// Other data of the loader's may look like such a mutex. A thread that sleeps on its word decides.
bool may_be_contended_lock(const pthread_mutex_t& mutex) {
  return is_mutex_contended(mutex) && mutex_type(mutex) == PTHREAD_MUTEX_RECURSIVE && may_be_lock(mutex) &&
         mutex_count(mutex) > 0 && mutex_owner(mutex) > 0;
}

}  // namespace

bool is_loader_lock(LockWord lock) {
  const ExportedVariable data = loader_data();
  return lock.kind() == LockKind::mutex && lock.address() - data.address < data.size;
}

LockRef reported_lock(LockWord lock) {
  if (lock == LockWord::condition_waits()) return {0, LockKind::condition};
  return {lock.address(), is_loader_lock(lock) ? LockKind::loader : lock.kind()};
}

ContendedLoaderLocks contended_loader_locks() {
  ContendedLoaderLocks found;
  const ExportedVariable data = loader_data();
  for (size_t at = 0; at + sizeof(pthread_mutex_t) <= data.size && found.count < found.kMax;
       at += alignof(pthread_mutex_t)) {
    const auto& mutex = *reinterpret_cast<const pthread_mutex_t*>(data.address + at);
    if (may_be_contended_lock(mutex))
      found.locks[found.count++] = {{&mutex, LockKind::mutex, Access::exclusive}, mutex_owner(mutex)};
  }
  return found;
}

LockWord loader_lock_slept_for(int tid, const ContendedLoaderLocks& locks) {
  SyscallFile place;
  if (read_syscall_file(tid, &place) != 0) return {};
  const LoaderLock* const end = locks.locks + locks.count;
  const LoaderLock* const found =
      std::find_if(locks.locks, end, [&](const LoaderLock& lock) { return sleeps_for(place, lock.word); });
  return found == end ? LockWord() : found->word;
}

}  // namespace holdwatch
