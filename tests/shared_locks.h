// Locks that processes share, in memory that a fork passes on. For all kinds of tests.
#pragma once

#include <pthread.h>
#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace shared_locks {

inline void require(bool is_so) {
  if (!is_so) abort();
}

inline void init(pthread_mutex_t& mutex, int robust = PTHREAD_MUTEX_STALLED) {
  pthread_mutexattr_t attributes;
  require(pthread_mutexattr_init(&attributes) == 0);
  require(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  require(pthread_mutexattr_setrobust(&attributes, robust) == 0);
  require(pthread_mutex_init(&mutex, &attributes) == 0);
}

inline void init(pthread_rwlock_t& rwlock, int kind = PTHREAD_RWLOCK_DEFAULT_NP) {
  pthread_rwlockattr_t attributes;
  require(pthread_rwlockattr_init(&attributes) == 0);
  require(pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  require(pthread_rwlockattr_setkind_np(&attributes, kind) == 0);
  require(pthread_rwlock_init(&rwlock, &attributes) == 0);
}

// A new T at the start of pages that are shared from now on with each child of a fork; never unmapped. `flags`: more of mmap's, and
// `at`: where.
template <typename T>
T& map_shared(void* at = nullptr, int flags = 0) {
  void* const pages = mmap(at, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | flags, -1, 0);
  require(pages != MAP_FAILED);
  return *new (pages) T;
}

// One of its own pages.
template <typename Lock>
Lock& map_shared_lock() {
  Lock& lock = map_shared<Lock>();
  init(lock);
  return lock;
}

}  // namespace shared_locks
