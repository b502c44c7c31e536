// See ownership.h. The layouts are part of glibc's ABI (sysdeps/nptl/bits/struct_mutex.h, struct_rwlock.h): programs have
// them compiled in through the static initializers.
#include "shim/watch/ownership.h"

#include <linux/futex.h>
#include <pthread.h>

#include <climits>

#include "shim/capture/capture.h"
#include "shim/record/thread_table.h"

namespace holdwatch {
namespace {

constexpr unsigned kReaderShift = 3;  // PTHREAD_RWLOCK_READER_SHIFT

template <typename Lock>
bool read_lock(LockWord word, Lock* out) {
  return read_own_memory(word.address(), out, sizeof *out) == sizeof *out;
}

// Where reading our own memory is refused altogether (a seccomp filter), a failed read proves nothing.
Ownership unreadable() {
  static const int known_value = 1;
  int value = 0;
  const size_t got = read_own_memory(reinterpret_cast<uintptr_t>(&known_value), &value, sizeof value);
  return got == sizeof value ? Ownership::refuted : Ownership::unknown;
}

bool is_owner(int owner, int tid) {
  return owner == tid || was_before_fork(tid, owner);
}

// Until a robust mutex that came from a dead owner is made consistent, glibc's owner field says only that; who has it
// stands in the futex word then (nptl/pthreadP.h, linux/futex.h).
int owner_of(const pthread_mutex_t& mutex) {
  constexpr int kInconsistent = INT_MAX;  // PTHREAD_MUTEX_INCONSISTENT
  return mutex.__data.__owner == kInconsistent ? mutex.__data.__lock & FUTEX_TID_MASK : mutex.__data.__owner;
}

Ownership from(bool confirmed) {
  return confirmed ? Ownership::confirmed : Ownership::refuted;
}

}  // namespace

Ownership confirm_ownership(LockWord word, int tid) {
  if (word.kind() == LockKind::mutex) {
    pthread_mutex_t mutex;
    if (!read_lock(word, &mutex)) return unreadable();
    return from(mutex.__data.__lock != 0 && is_owner(owner_of(mutex), tid));
  }
  pthread_rwlock_t rwlock;
  if (!read_lock(word, &rwlock)) return unreadable();
  if (word.access() == Access::exclusive) return from(is_owner(rwlock.__data.__cur_writer, tid));
  return from(rwlock.__data.__readers >> kReaderShift != 0);
}

int owner_of(LockWord lock, LockWord* held) {
  *held = {reinterpret_cast<const void*>(lock.address()), lock.kind(), Access::exclusive};
  if (lock.kind() == LockKind::mutex) {
    pthread_mutex_t mutex;
    return read_lock(lock, &mutex) && mutex.__data.__lock != 0 ? mutex.__data.__owner : 0;
  }
  pthread_rwlock_t rwlock;
  return read_lock(lock, &rwlock) ? rwlock.__data.__cur_writer : 0;
}

uint32_t held_count(LockWord word) {
  pthread_mutex_t mutex;
  if (word.kind() != LockKind::mutex || !read_lock(word, &mutex)) return 1;
  const bool recursive = (mutex.__data.__kind & 3) == PTHREAD_MUTEX_RECURSIVE;
  return recursive && mutex.__data.__count > 0 ? mutex.__data.__count : 1;
}

bool inherits_priority(LockWord word) {
  constexpr int kInherit = 32;  // PTHREAD_MUTEX_PRIO_INHERIT_NP (nptl/pthreadP.h)
  pthread_mutex_t mutex;
  return word.kind() == LockKind::mutex && read_lock(word, &mutex) && (mutex.__data.__kind & kInherit) != 0;
}

uint32_t reader_count(LockWord word) {
  pthread_rwlock_t rwlock;
  return read_lock(word, &rwlock) ? rwlock.__data.__readers >> kReaderShift : 0;
}

}  // namespace holdwatch
