// The fields of glibc's locks, pthread_mutex_t and pthread_rwlock_t. They are part of its ABI
// (sysdeps/nptl/bits/struct_mutex.h, struct_rwlock.h), since programs have them compiled in through the static
// initializers; the meaning of their bits is in nptl/pthreadP.h.
// Any context; pure. The caller ensures that the lock, or a copy of it, may be read.
#pragma once

#include <linux/futex.h>
#include <pthread.h>

#include <climits>
#include <cstddef>
#include <cstdint>

namespace holdwatch {

// Bits of a mutex's kind.
inline constexpr int kMutexTypeBits = 3;       // PTHREAD_MUTEX_KIND_MASK_NP
inline constexpr int kMutexIsRobust = 16;      // PTHREAD_MUTEX_ROBUST_NORMAL_NP
inline constexpr int kMutexInherits = 32;      // PTHREAD_MUTEX_PRIO_INHERIT_NP
inline constexpr int kMutexProtects = 64;      // PTHREAD_MUTEX_PRIO_PROTECT_NP
inline constexpr int kMutexIsShared = 128;     // PTHREAD_MUTEX_PSHARED_BIT
inline constexpr int kMutexElides = 256;       // PTHREAD_MUTEX_ELISION_NP
inline constexpr int kMutexNeverElides = 512;  // PTHREAD_MUTEX_NO_ELISION_NP: set with the type PTHREAD_MUTEX_NORMAL
inline constexpr int kMutexKnownBits = kMutexTypeBits | kMutexIsRobust | kMutexInherits | kMutexProtects |
                                       kMutexIsShared | kMutexElides | kMutexNeverElides;
// In the word of a mutex with PTHREAD_PRIO_PROTECT: the ceiling, and the value that means that threads wait.
inline constexpr uint32_t kMutexCeiling = 0xfff80000;  // PTHREAD_MUTEX_PRIO_CEILING_MASK
inline constexpr uint32_t kProtectedContended = 2;
// What the recovery of a robust mutex stores in place of the owner.
inline constexpr int kOwnerIsInconsistent = INT_MAX;        // PTHREAD_MUTEX_INCONSISTENT
inline constexpr int kOwnerIsNotRecoverable = INT_MAX - 1;  // PTHREAD_MUTEX_NOTRECOVERABLE

// Whether any thread may hold the lock, a mutex or an rwlock: the first word of either is 0 if none does.
inline bool is_lock_in_use(const void* lock) {
  static_assert(offsetof(pthread_mutex_t, __data.__lock) == 0 && offsetof(pthread_rwlock_t, __data.__readers) == 0);
  return *static_cast<const uint32_t*>(lock) != 0;
}

// Where the kind is in a mutex.
inline constexpr size_t kMutexKind = offsetof(pthread_mutex_t, __data.__kind);

inline int mutex_type(const pthread_mutex_t& mutex) {
  return mutex.__data.__kind & kMutexTypeBits;
}

inline bool is_mutex_locked(const pthread_mutex_t& mutex) {
  return mutex.__data.__lock != 0;
}

inline int mutex_owner(const pthread_mutex_t& mutex) {
  return mutex.__data.__owner;
}

// Robust mutexes and those that inherit priority have their owner in the futex word (linux/futex.h), which is written
// before __owner. When the owner of a robust one exits, the kernel removes it from the word, but __owner still names
// it.
inline bool has_owner_in_word(const pthread_mutex_t& mutex) {
  return (mutex.__data.__kind & (kMutexIsRobust | kMutexInherits)) != 0;
}

// The id of the thread that holds it; 0 if it is free, or is just being acquired or released.
inline int mutex_holder(const pthread_mutex_t& mutex) {
  if (!is_mutex_locked(mutex)) return 0;
  if (has_owner_in_word(mutex)) return mutex.__data.__lock & FUTEX_TID_MASK;
  return mutex.__data.__owner;
}

inline constexpr int kMutexContended = 2;  // the word of one without an owner in it: nptl/lowlevellock.h

inline bool is_mutex_contended(const pthread_mutex_t& mutex) {
  if (has_owner_in_word(mutex)) return (static_cast<uint32_t>(mutex.__data.__lock) & FUTEX_WAITERS) != 0;
  return (mutex.__data.__lock & kMutexContended) != 0;
}

inline bool is_mutex_process_shared(const pthread_mutex_t& mutex) {
  return (mutex.__data.__kind & kMutexIsShared) != 0;
}

// How often its owner has acquired a recursive mutex.
inline uint32_t mutex_count(const pthread_mutex_t& mutex) {
  return mutex.__data.__count;
}

// The words of an rwlock on which threads sleep, and their values then (nptl/pthread_rwlock_common.c): readers on
// __wrphase_futex while it shows that a writer has the lock, or, if writers are preferred, on __readers; writers on
// __wrphase_futex too, or on __writers_futex. A lock's address is a multiple of eight, so __writers_futex can be
// recognized by its address.
inline constexpr size_t kRwlockReaders = offsetof(pthread_rwlock_t, __data.__readers);
inline constexpr size_t kRwlockPhase = offsetof(pthread_rwlock_t, __data.__wrphase_futex);
inline constexpr size_t kRwlockWriters = offsetof(pthread_rwlock_t, __data.__writers_futex);
static_assert(kRwlockReaders % 8 == 0 && kRwlockPhase % 8 == 0 && kRwlockWriters % 8 == 4);

inline constexpr uint32_t kPhaseForWriter = 2;  // PTHREAD_RWLOCK_FUTEX_USED
inline constexpr uint32_t kPhaseForReader = 3;  // and the writers' phase
inline constexpr uint32_t kReadersWait = 4;     // in __readers: PTHREAD_RWLOCK_RWAITING

// The offset, in the rwlock, of the word on which a thread sleeps while the word has this value.
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

// __writers counts waiting writers.
inline bool is_rwlock_contended(const pthread_rwlock_t& rwlock) {
  return rwlock.__data.__writers != 0 || (rwlock.__data.__readers & kReadersWait) != 0 ||
         (rwlock.__data.__wrphase_futex & kPhaseForWriter) != 0;
}

inline bool is_rwlock_write_locked(const pthread_rwlock_t& rwlock) {
  constexpr unsigned kWriteLocked = 2;  // PTHREAD_RWLOCK_WRLOCKED
  return (rwlock.__data.__readers & kWriteLocked) != 0;
}

// Whether readers that come get it although a writer waits (nptl/pthread_rwlock_common.c): with every kind but one, since
// PTHREAD_RWLOCK_PREFER_WRITER_NP is treated like the default.
inline bool prefers_readers(const pthread_rwlock_t& rwlock) {
  return rwlock.__data.__flags < PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;
}

// If false, it is the readers' turn, and the counted readers have the lock; the bit of a writer then means that it
// waits.
inline bool is_rwlock_in_write_phase(const pthread_rwlock_t& rwlock) {
  constexpr unsigned kWritePhase = 1;  // PTHREAD_RWLOCK_WRPHASE
  return (rwlock.__data.__readers & kWritePhase) != 0;
}

// Whether the fields are those of a lock that no thread has. A mutex with lock elision, whose fields show nothing, is
// never called free.
inline bool is_free(const pthread_mutex_t& mutex) {
  constexpr int kShowingBits = kMutexKnownBits & ~kMutexElides;
  return !is_mutex_locked(mutex) && mutex_owner(mutex) == 0 && (mutex.__data.__kind & ~kShowingBits) == 0;
}
inline bool is_free(const pthread_rwlock_t& rwlock) {
  return rwlock_readers(rwlock) == 0 && !is_rwlock_write_locked(rwlock) && rwlock_writer(rwlock) == 0 &&
         rwlock.__data.__flags <= PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;
}

// Of a mutex whose word is 0, 1 or 2, by the lock's own protocol (nptl/lowlevellock.h): free, locked, locked with
// waiters. A private one, so that all who can unlock it are threads of the process.
inline bool is_plain_private(const pthread_mutex_t& mutex) {
  return (mutex.__data.__kind & ~(kMutexTypeBits | kMutexNeverElides)) == 0;
}

// Whether threads that sleep for the lock would get it if they were woken, and none but threads of the process can unlock
// it. That is so for a moment at each unlock, between the change of the word and the call that wakes one of them.
inline bool is_there_for_taking(const pthread_mutex_t& mutex) {
  return is_plain_private(mutex) && !is_mutex_locked(mutex);
}
inline bool is_there_for_taking(const pthread_rwlock_t& rwlock) {
  return rwlock.__data.__shared == 0 && is_free(rwlock);
}

// Whether a thread can have this id: Linux gives no greater one (PID_MAX_LIMIT, include/linux/threads.h).
inline constexpr int kMaxThreadId = 4 * 1024 * 1024;
constexpr bool may_be_thread(int id) {
  return id > 0 && id <= kMaxThreadId;
}

// Whether a mutex that threads wait for has fields that no call in order gives it: its word, its kind, or its owner.
inline bool is_mutex_overwritten(const pthread_mutex_t& mutex) {
  const int owner = mutex_holder(mutex);
  const bool is_recovering = owner == kOwnerIsInconsistent || owner == kOwnerIsNotRecoverable;
  if ((mutex.__data.__kind & ~kMutexKnownBits) != 0) return true;
  if (owner != 0 && !is_recovering && !may_be_thread(owner)) return true;
  return is_plain_private(mutex) && static_cast<uint32_t>(mutex.__data.__lock) > kMutexContended;
}

// Whether the fields show a writer that waits for readers which are not there: it is to have the lock next and has marked
// __wrphase_futex, on which it sleeps, but no reader is counted, or fewer than none. Calls in order lead to these fields
// only while that writer runs: the unlock that counts the last reader out begins the writers' phase in the same step,
// and a count that grows is stopped in the middle of its range (EAGAIN).
inline bool is_rwlock_miscounted(const pthread_rwlock_t& rwlock) {
  constexpr uint32_t kCountRange = 1u << 29;
  constexpr uint32_t kMaxBelowZero = 1u << 22;  // more than that is no count of unlocks, but overwritten memory
  const uint32_t readers = rwlock_readers(rwlock);
  const bool has_next_writer = is_rwlock_write_locked(rwlock) && (rwlock.__data.__writers_futex & 1) != 0;
  return has_next_writer && rwlock_writer(rwlock) == 0 && !is_rwlock_in_write_phase(rwlock) &&
         rwlock.__data.__wrphase_futex == kPhaseForWriter && (readers == 0 || readers >= kCountRange - kMaxBelowZero);
}

}  // namespace holdwatch
