// See ownership.h.
#include "shim/inspection/ownership.h"

#include <algorithm>

#include "shim/common/glibc/lock_layout.h"
#include "shim/inspection/capture.h"
#include "shim/record/current_record.h"

namespace holdwatch {
namespace {

template <typename Lock>
bool read_lock(LockWord word, Lock* out) {
  return read_own_memory(word.address(), out, sizeof *out) == sizeof *out;
}

// If reading our own memory is forbidden altogether (a seccomp filter), a failed read proves nothing.
Ownership unreadable() {
  static const int known_value = 1;
  int value = 0;
  const size_t got = read_own_memory(reinterpret_cast<uintptr_t>(&known_value), &value, sizeof value);
  return got == sizeof value ? Ownership::refuted : Ownership::unknown;
}

bool is_owner(int owner, int tid) {
  return owner == tid || was_before_fork(tid, owner);
}

Ownership from(bool confirmed) {
  return confirmed ? Ownership::confirmed : Ownership::refuted;
}

}  // namespace

Ownership confirm_ownership(LockWord word, int tid) {
  if (word.kind() == LockKind::mutex) {
    pthread_mutex_t mutex;
    if (!read_lock(word, &mutex)) return unreadable();
    return from(is_owner(mutex_holder(mutex), tid));
  }
  pthread_rwlock_t rwlock;
  if (!read_lock(word, &rwlock)) return unreadable();
  if (word.access() == Access::exclusive) return from(is_owner(rwlock_writer(rwlock), tid));
  return from(rwlock_readers(rwlock) != 0);
}

int owner_of(LockWord lock, LockWord* held) {
  *held = {reinterpret_cast<const void*>(lock.address()), lock.kind(), Access::exclusive};
  if (lock.kind() == LockKind::mutex) {
    pthread_mutex_t mutex;
    return read_lock(lock, &mutex) ? mutex_holder(mutex) : 0;
  }
  pthread_rwlock_t rwlock;
  return read_lock(lock, &rwlock) ? rwlock_writer(rwlock) : 0;
}

bool is_contended(LockWord lock) {
  if (lock.kind() == LockKind::mutex) {
    pthread_mutex_t mutex;
    return read_lock(lock, &mutex) && is_mutex_contended(mutex);
  }
  pthread_rwlock_t rwlock;
  return read_lock(lock, &rwlock) && is_rwlock_contended(rwlock);
}

bool is_unnamed_mutex(LockWord word, uint32_t value) {
  pthread_mutex_t mutex;
  if (!read_lock(word, &mutex) || (mutex.__data.__kind & ~kMutexKnownBits) != 0) return false;
  const bool is_asked_for = static_cast<uint32_t>(mutex.__data.__lock) == value && mutex_holder(mutex) != 0;
  if ((mutex.__data.__kind & kMutexIsRobust) != 0) return is_asked_for && (value & FUTEX_WAITERS) != 0;
  return (mutex.__data.__kind & kMutexProtects) != 0 && is_asked_for && (value & ~kMutexCeiling) == kProtectedContended;
}

bool is_changing_hands(LockWord lock) {
  if (lock.kind() == LockKind::mutex) {
    pthread_mutex_t mutex;
    return read_lock(lock, &mutex) && is_mutex_locked(mutex) && mutex_holder(mutex) == 0;
  }
  pthread_rwlock_t rwlock;
  return read_lock(lock, &rwlock) && is_rwlock_write_locked(rwlock) && rwlock_writer(rwlock) == 0;
}

Access access_of_nameless(LockWord lock) {
  pthread_rwlock_t rwlock;
  if (lock.kind() == LockKind::mutex || !read_lock(lock, &rwlock) || is_rwlock_in_write_phase(rwlock))
    return Access::exclusive;
  // More than there can be threads: it has been released too often.
  constexpr uint32_t kMaxReaders = 1u << 22;
  const uint32_t readers = rwlock_readers(rwlock);
  return readers != 0 && readers <= kMaxReaders ? Access::shared : Access::exclusive;
}

bool is_process_shared(LockWord lock) {
  if (lock.kind() == LockKind::mutex) {
    pthread_mutex_t mutex;
    return read_lock(lock, &mutex) && is_mutex_process_shared(mutex);
  }
  pthread_rwlock_t rwlock;
  return read_lock(lock, &rwlock) && rwlock.__data.__shared != 0;
}

uint32_t held_count(LockWord word) {
  pthread_mutex_t mutex;
  if (word.access() == Access::shared) return std::max(reader_count(word), 1u);
  if (word.kind() != LockKind::mutex || !read_lock(word, &mutex)) return 1;
  const bool recursive = mutex_type(mutex) == PTHREAD_MUTEX_RECURSIVE;
  return recursive && mutex_count(mutex) > 0 ? mutex_count(mutex) : 1;
}

bool inherits_priority(LockWord word) {
  pthread_mutex_t mutex;
  return word.kind() == LockKind::mutex && read_lock(word, &mutex) && (mutex.__data.__kind & kMutexInherits) != 0;
}

uint32_t reader_count(LockWord word) {
  pthread_rwlock_t rwlock;
  return read_lock(word, &rwlock) ? rwlock_readers(rwlock) : 0;
}

}  // namespace holdwatch
