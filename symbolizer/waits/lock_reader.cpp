// See lock_reader.h.
#include "symbolizer/waits/lock_reader.h"

#include <pthread.h>

#include <algorithm>

#include "shim/common/glibc/thread_descriptor.h"

namespace holdwatch {
namespace {

template <typename Lock>
std::optional<LockFields> read_as(uintptr_t address, MemoryReader& memory) {
  const auto lock = memory.read_value<Lock>(address);
  if (!lock || !may_be_lock(*lock)) return std::nullopt;
  return fields_of(*lock);
}

// 2.37 defines no new symbols in libc, so it looks like 2.36; there a stream that is locked again counts one too few.
std::optional<LockFields> read_stream(uintptr_t address, MemoryReader& memory, unsigned glibc_minor) {
  const auto lock = memory.read_value<StreamLock>(address);
  if (!lock || !may_be_lock(*lock)) return std::nullopt;
  LockFields fields = fields_of(*lock, tid_in_descriptor(lock->owner, memory), uncounted_levels(glibc_minor));
  if (fields.owner == 0) return std::nullopt;
  if (glibc_minor == 0) fields.depth = 1;
  return fields;
}

}  // namespace

std::optional<LockFields> read_lock_fields(LockRef lock, MemoryReader& memory, unsigned glibc_minor) {
  switch (lock.kind) {
    case LockKind::mutex:
    case LockKind::loader:
      return read_as<pthread_mutex_t>(lock.address, memory);
    case LockKind::rwlock:
      return read_as<pthread_rwlock_t>(lock.address, memory);
    case LockKind::stream:
      return read_stream(lock.address, memory, glibc_minor);
    case LockKind::once:
    case LockKind::local_static:
      break;  // neither says who runs the initializer
    case LockKind::file_lock:
      break;  // the kernel has it
    case LockKind::condition:
      break;  // it does not say who will signal
  }
  return std::nullopt;
}

bool is_overwritten(LockRef lock, MemoryReader& memory) {
  if (lock.kind != LockKind::mutex) return false;
  const auto mutex = memory.read_value<pthread_mutex_t>(lock.address);
  return mutex && fields_of(*mutex).is_overwritten;
}

bool is_unnamed_inheriting(uintptr_t address, MemoryReader& memory) {
  const auto mutex = memory.read_value<pthread_mutex_t>(address);
  return mutex && is_unnamed_inheriting(*mutex);
}

std::optional<LockFields> read_stream_waited_for(const FutexWait& futex, MemoryReader& memory) {
  if (futex.value != kStreamContended || futex.has_timeout) return std::nullopt;
  const auto fields = read_lock_fields({futex.word, LockKind::stream}, memory);
  return fields && fields->is_contended ? fields : std::nullopt;
}

bool is_stream_left_by_exited(uintptr_t address, MemoryReader& memory) {
  const auto lock = memory.read_value<StreamLock>(address);
  if (!lock || !may_be_lock(*lock) || lock->word != kStreamContended) return false;
  const auto self = memory.read_value<uintptr_t>(lock->owner + kDescriptorSelf);
  const auto tid = memory.read_value<int32_t>(lock->owner + kDescriptorTid);
  return self && tid && is_descriptor(lock->owner, *self) && *tid <= 0;
}

bool is_stream_left_by_exited(const FutexWait& futex, MemoryReader& memory) {
  return futex.value == kStreamContended && !futex.has_timeout && is_stream_left_by_exited(futex.word, memory);
}

// Once the thread has been joined, glibc makes its id -1.
int tid_in_descriptor(uintptr_t descriptor, MemoryReader& memory) {
  const auto self = memory.read_value<uintptr_t>(descriptor + kDescriptorSelf);
  if (!self || !is_descriptor(descriptor, *self)) return 0;
  return std::max(memory.read_value<int32_t>(descriptor + kDescriptorTid).value_or(0), 0);
}

}  // namespace holdwatch
