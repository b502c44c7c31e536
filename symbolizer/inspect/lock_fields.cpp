// See lock_fields.h.
#include "symbolizer/inspect/lock_fields.h"

#include <linux/futex.h>
#include <pthread.h>

namespace holdwatch {
namespace {

// Bits of a mutex's kind (nptl/pthreadP.h).
constexpr int kTypeBits = 3;
constexpr int kRobust = 16;
constexpr int kInherits = 32;
constexpr int kProtects = 64;
constexpr int kShared = 128;
constexpr int kElision = 256 | 512;
constexpr int kKnownBits = kTypeBits | kRobust | kInherits | kProtects | kShared | kElision;
// What robust recovery puts in place of the owner (PTHREAD_MUTEX_INCONSISTENT, PTHREAD_MUTEX_NOTRECOVERABLE).
constexpr int kInconsistent = 0x7fffffff;
constexpr int kNotRecoverable = 0x7ffffffe;

constexpr unsigned kReaderShift = 3;  // PTHREAD_RWLOCK_READER_SHIFT

std::optional<LockFields> mutex_fields(uintptr_t address, MemoryReader& memory) {
  const auto mutex = memory.read_value<pthread_mutex_t>(address);
  if (!mutex) return std::nullopt;
  const int kind = mutex->__data.__kind;
  const auto word = static_cast<uint32_t>(mutex->__data.__lock);
  if ((kind & ~kKnownBits) != 0 || mutex->__data.__owner < 0) return std::nullopt;
  LockFields fields;
  fields.inherits = (kind & kInherits) != 0;
  fields.robust = (kind & kRobust) != 0;
  fields.process_shared = (kind & kShared) != 0;
  // The kernel's protocol has the owner in the lock word itself, where it stands before __owner is written.
  const bool owner_in_word = (kind & (kRobust | kInherits)) != 0;
  const int type = kind & kTypeBits;
  fields.compares_owner = owner_in_word || type == PTHREAD_MUTEX_RECURSIVE || type == PTHREAD_MUTEX_ERRORCHECK;
  fields.owner_died = owner_in_word && (word & FUTEX_OWNER_DIED) != 0;
  fields.owner = owner_in_word ? static_cast<int>(word & FUTEX_TID_MASK) : mutex->__data.__owner;
  if (word == 0 || fields.owner == kInconsistent || fields.owner == kNotRecoverable) fields.owner = 0;
  if (type == PTHREAD_MUTEX_RECURSIVE && mutex->__data.__count > 0) fields.depth = mutex->__data.__count;
  return fields;
}

std::optional<LockFields> rwlock_fields(uintptr_t address, MemoryReader& memory) {
  const auto rwlock = memory.read_value<pthread_rwlock_t>(address);
  if (!rwlock || rwlock->__data.__cur_writer < 0) return std::nullopt;
  if (rwlock->__data.__shared != 0 && rwlock->__data.__shared != 1) return std::nullopt;
  if (rwlock->__data.__flags > PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) return std::nullopt;
  LockFields fields;
  fields.owner = rwlock->__data.__cur_writer;
  fields.readers = rwlock->__data.__readers >> kReaderShift;
  fields.process_shared = rwlock->__data.__shared != 0;
  return fields;
}

}  // namespace

std::optional<LockFields> read_lock_fields(LockRef lock, MemoryReader& memory) {
  return lock.kind == LockKind::mutex ? mutex_fields(lock.address, memory) : rwlock_fields(lock.address, memory);
}

}  // namespace holdwatch
