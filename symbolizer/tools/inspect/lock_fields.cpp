// See lock_fields.h.
#include "symbolizer/tools/inspect/lock_fields.h"

#include <linux/futex.h>
#include <pthread.h>

#include "shim/common/glibc/lock_layout.h"

namespace holdwatch {
namespace {

std::optional<LockFields> mutex_fields(uintptr_t address, MemoryReader& memory) {
  const auto mutex = memory.read_value<pthread_mutex_t>(address);
  if (!mutex) return std::nullopt;
  const int kind = mutex->__data.__kind;
  if ((kind & ~kMutexKnownBits) != 0 || mutex->__data.__owner < 0) return std::nullopt;
  LockFields fields;
  fields.inherits = (kind & kMutexInherits) != 0;
  fields.robust = (kind & kMutexIsRobust) != 0;
  fields.process_shared = is_mutex_process_shared(*mutex);
  const int type = mutex_type(*mutex);
  fields.compares_owner =
      has_owner_in_word(*mutex) || type == PTHREAD_MUTEX_RECURSIVE || type == PTHREAD_MUTEX_ERRORCHECK;
  fields.owner_died = has_owner_in_word(*mutex) && (mutex->__data.__lock & FUTEX_OWNER_DIED) != 0;
  fields.owner = mutex_holder(*mutex);
  if (fields.owner == kOwnerIsInconsistent || fields.owner == kOwnerIsNotRecoverable) fields.owner = 0;
  if (type == PTHREAD_MUTEX_RECURSIVE && mutex_count(*mutex) > 0) fields.depth = mutex_count(*mutex);
  return fields;
}

std::optional<LockFields> rwlock_fields(uintptr_t address, MemoryReader& memory) {
  const auto rwlock = memory.read_value<pthread_rwlock_t>(address);
  if (!rwlock || rwlock->__data.__cur_writer < 0) return std::nullopt;
  if (rwlock->__data.__shared != 0 && rwlock->__data.__shared != 1) return std::nullopt;
  if (rwlock->__data.__flags > PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) return std::nullopt;
  LockFields fields;
  fields.owner = rwlock_writer(*rwlock);
  fields.readers = rwlock_readers(*rwlock);
  fields.process_shared = rwlock->__data.__shared != 0;
  return fields;
}

}  // namespace

std::optional<LockFields> read_lock_fields(LockRef lock, MemoryReader& memory) {
  return lock.kind == LockKind::mutex ? mutex_fields(lock.address, memory) : rwlock_fields(lock.address, memory);
}

}  // namespace holdwatch
