// What glibc's locks say of themselves: the fields of pthread_mutex_t and pthread_rwlock_t, which are part of its ABI
// (sysdeps/nptl/bits/struct_mutex.h, struct_rwlock.h), since programs have them compiled in through the static initializers;
// what their bits mean is in nptl/pthreadP.h.
// Any context; pure. Whether the lock may be read, or only a copy of it, is the caller's business.
#pragma once

#include <linux/futex.h>
#include <pthread.h>

#include <climits>
#include <cstddef>
#include <cstdint>

namespace holdwatch {

// Bits of a mutex's kind.
inline constexpr int kMutexTypeBits = 3;         // PTHREAD_MUTEX_KIND_MASK_NP
inline constexpr int kMutexIsRobust = 16;        // PTHREAD_MUTEX_ROBUST_NORMAL_NP
inline constexpr int kMutexInherits = 32;        // PTHREAD_MUTEX_PRIO_INHERIT_NP
inline constexpr int kMutexProtects = 64;        // PTHREAD_MUTEX_PRIO_PROTECT_NP
inline constexpr int kMutexIsShared = 128;       // PTHREAD_MUTEX_PSHARED_BIT
inline constexpr int kMutexElision = 256 | 512;  // PTHREAD_MUTEX_ELISION_NP, PTHREAD_MUTEX_NO_ELISION_NP
inline constexpr int kMutexKnownBits =
    kMutexTypeBits | kMutexIsRobust | kMutexInherits | kMutexProtects | kMutexIsShared | kMutexElision;
// In the word of a mutex with PTHREAD_PRIO_PROTECT: the ceiling, and how it says that somebody waits.
inline constexpr uint32_t kMutexCeiling = 0xfff80000;  // PTHREAD_MUTEX_PRIO_CEILING_MASK
inline constexpr uint32_t kProtectedContended = 2;
// What robust recovery puts in place of the owner.
inline constexpr int kOwnerIsInconsistent = INT_MAX;        // PTHREAD_MUTEX_INCONSISTENT
inline constexpr int kOwnerIsNotRecoverable = INT_MAX - 1;  // PTHREAD_MUTEX_NOTRECOVERABLE

inline int mutex_type(const pthread_mutex_t& mutex) {
  return mutex.__data.__kind & kMutexTypeBits;
}

inline bool is_mutex_locked(const pthread_mutex_t& mutex) {
  return mutex.__data.__lock != 0;
}

inline int mutex_owner(const pthread_mutex_t& mutex) {
  return mutex.__data.__owner;
}

// Robust mutexes and those that inherit priority have their owner in the futex word (linux/futex.h), where it stands before
// __owner is written. When a robust one's owner exits, the kernel takes it out of there, and __owner goes on naming it.
inline bool has_owner_in_word(const pthread_mutex_t& mutex) {
  return (mutex.__data.__kind & (kMutexIsRobust | kMutexInherits)) != 0;
}

// The id of the thread that holds it; 0 if it is free, or somebody is just taking or releasing it.
inline int mutex_holder(const pthread_mutex_t& mutex) {
  if (!is_mutex_locked(mutex)) return 0;
  if (has_owner_in_word(mutex)) return mutex.__data.__lock & FUTEX_TID_MASK;
  return mutex.__data.__owner;
}

inline bool is_mutex_contended(const pthread_mutex_t& mutex) {
  constexpr int kContended = 2;  // nptl/lowlevellock.h
  if (has_owner_in_word(mutex)) return (static_cast<uint32_t>(mutex.__data.__lock) & FUTEX_WAITERS) != 0;
  return (mutex.__data.__lock & kContended) != 0;
}

inline bool is_mutex_process_shared(const pthread_mutex_t& mutex) {
  return (mutex.__data.__kind & kMutexIsShared) != 0;
}

// How often its owner has taken a recursive mutex.
inline uint32_t mutex_count(const pthread_mutex_t& mutex) {
  return mutex.__data.__count;
}

// The words of an rwlock that threads sleep on, and with which values (nptl/pthread_rwlock_common.c): readers on
// __wrphase_futex while it says that a writer has the lock, or, where writers go first, on __readers; writers on
// __wrphase_futex too, or on __writers_futex. A lock's address is a multiple of eight, so that the last tells itself apart.
inline constexpr size_t kRwlockReaders = offsetof(pthread_rwlock_t, __data.__readers);
inline constexpr size_t kRwlockPhase = offsetof(pthread_rwlock_t, __data.__wrphase_futex);
inline constexpr size_t kRwlockWriters = offsetof(pthread_rwlock_t, __data.__writers_futex);
static_assert(kRwlockReaders % 8 == 0 && kRwlockPhase % 8 == 0 && kRwlockWriters % 8 == 4);

inline constexpr uint32_t kPhaseForWriter = 2;  // PTHREAD_RWLOCK_FUTEX_USED
inline constexpr uint32_t kPhaseForReader = 3;  // and the writers' phase
inline constexpr uint32_t kReadersWait = 4;     // in __readers: PTHREAD_RWLOCK_RWAITING

// How far into the rwlock the word lies that a thread sleeps on, while it has this value.
inline size_t rwlock_word_offset(uintptr_t word, uint32_t value, bool reads) {
  if (word % 8 != 0) return kRwlockWriters;
  const bool on_readers = reads && value != kPhaseForReader && (value & kReadersWait) != 0;
  return on_readers ? kRwlockReaders : kRwlockPhase;
}

inline int rwlock_writer(const pthread_rwlock_t& rwlock) {
  return rwlock.__data.__cur_writer;
}

inline uint32_t rwlock_readers(const pthread_rwlock_t& rwlock) {
  constexpr unsigned kReaderShift = 3;  // PTHREAD_RWLOCK_READER_SHIFT
  return rwlock.__data.__readers >> kReaderShift;
}

// __writers counts those that wait to write.
inline bool is_rwlock_contended(const pthread_rwlock_t& rwlock) {
  return rwlock.__data.__writers != 0 || (rwlock.__data.__readers & kReadersWait) != 0 ||
         (rwlock.__data.__wrphase_futex & kPhaseForWriter) != 0;
}

inline bool is_rwlock_write_locked(const pthread_rwlock_t& rwlock) {
  constexpr unsigned kWriteLocked = 2;  // PTHREAD_RWLOCK_WRLOCKED
  return (rwlock.__data.__readers & kWriteLocked) != 0;
}

// Otherwise it is the readers' turn, and those that are counted have the lock; a writer's bit is that of one that waits.
inline bool is_rwlock_in_write_phase(const pthread_rwlock_t& rwlock) {
  constexpr unsigned kWritePhase = 1;  // PTHREAD_RWLOCK_WRPHASE
  return (rwlock.__data.__readers & kWritePhase) != 0;
}

}  // namespace holdwatch
