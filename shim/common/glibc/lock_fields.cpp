// See lock_fields.h.
#include "shim/common/glibc/lock_fields.h"

#include <linux/futex.h>

#include <algorithm>

#include "shim/common/glibc/lock_layout.h"

namespace holdwatch {
namespace {

bool has_known_kind(const pthread_mutex_t& mutex) {
  return (mutex.__data.__kind & ~kMutexKnownBits) == 0;
}

// What the recovery of a robust mutex stores in place of the owner is not a thread; nor is what has overwritten it.
int named(int owner) {
  return may_be_thread(owner) ? owner : 0;
}

// libc writes the owner beside the word as well, other locks whose word contains it do not.
bool has_owner_twice(const pthread_mutex_t& mutex) {
  const int owner = mutex_holder(mutex);
  return may_be_thread(owner) && mutex_owner(mutex) == owner;
}

}  // namespace

LockFields fields_of(const pthread_mutex_t& mutex) {
  const int type = mutex_type(mutex);
  const bool is_in_word = has_owner_in_word(mutex);
  LockFields fields;
  fields.owner = named(mutex_holder(mutex));
  if (type == PTHREAD_MUTEX_RECURSIVE && mutex_count(mutex) > 0) fields.depth = mutex_count(mutex);
  fields.is_locked = is_mutex_locked(mutex);
  fields.is_contended = is_mutex_contended(mutex);
  fields.inherits = (mutex.__data.__kind & kMutexInherits) != 0;
  fields.robust = (mutex.__data.__kind & kMutexIsRobust) != 0;
  fields.process_shared = is_mutex_process_shared(mutex);
  fields.compares_owner = is_in_word || type == PTHREAD_MUTEX_RECURSIVE || type == PTHREAD_MUTEX_ERRORCHECK;
  fields.is_overwritten = is_mutex_overwritten(mutex);
  fields.is_there_for_taking = is_there_for_taking(mutex);
  fields.owner_died = is_in_word && (mutex.__data.__lock & FUTEX_OWNER_DIED) != 0;
  return fields;
}

LockFields fields_of(const pthread_rwlock_t& rwlock) {
  LockFields fields;
  fields.owner = named(rwlock_writer(rwlock));
  fields.readers = rwlock_readers(rwlock);
  fields.is_locked = is_rwlock_write_locked(rwlock);
  fields.is_contended = is_rwlock_contended(rwlock);
  fields.is_writers_turn = is_rwlock_in_write_phase(rwlock);
  fields.prefers_readers = may_be_lock(rwlock) && prefers_readers(rwlock);
  fields.is_miscounted = may_be_lock(rwlock) && is_rwlock_miscounted(rwlock);
  fields.is_there_for_taking = may_be_lock(rwlock) && is_there_for_taking(rwlock);
  fields.process_shared = rwlock.__data.__shared != 0;
  return fields;
}

LockFields fields_of(const StreamLock& stream, int owner, uint32_t uncounted) {
  LockFields fields;
  fields.is_locked = stream.word != 0;
  if (!fields.is_locked) return fields;
  fields.owner = owner;
  fields.depth = std::max(stream_levels(stream, uncounted), 1u);
  fields.is_contended = stream.word == kStreamContended;
  return fields;
}

bool may_be_lock(const StreamLock& stream) {
  return stream.word <= kStreamContended && stream.count >= 0;
}

bool may_be_lock(const pthread_mutex_t& mutex) {
  return has_known_kind(mutex) && mutex.__data.__owner >= 0;
}

bool may_be_lock(const pthread_rwlock_t& rwlock) {
  return rwlock.__data.__cur_writer >= 0 && (rwlock.__data.__shared == 0 || rwlock.__data.__shared == 1) &&
         rwlock.__data.__flags <= PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;
}

bool is_unnamed_mutex(const pthread_mutex_t& mutex, uint32_t value) {
  if (!has_known_kind(mutex)) return false;
  const bool is_awaited = static_cast<uint32_t>(mutex.__data.__lock) == value && mutex_holder(mutex) != 0;
  if ((mutex.__data.__kind & kMutexIsRobust) != 0)
    return is_awaited && (value & FUTEX_WAITERS) != 0 && has_owner_twice(mutex);
  return (mutex.__data.__kind & kMutexProtects) != 0 && is_awaited && (value & ~kMutexCeiling) == kProtectedContended;
}

bool is_unnamed_inheriting(const pthread_mutex_t& mutex) {
  return has_known_kind(mutex) && (mutex.__data.__kind & kMutexInherits) != 0 && has_owner_twice(mutex);
}

}  // namespace holdwatch
