// See lock_reader.h.
#include "symbolizer/waits/lock_reader.h"

#include <pthread.h>

#include "shim/common/glibc/thread_descriptor.h"

namespace holdwatch {
namespace {

template <typename Lock>
std::optional<LockFields> read_as(uintptr_t address, MemoryReader& memory) {
  const auto lock = memory.read_value<Lock>(address);
  if (!lock || !may_be_lock(*lock)) return std::nullopt;
  return fields_of(*lock);
}

// _IO_lock_t (sysdeps/nptl/stdio-lock.h), which stdio's functions and flockfile take.
struct StreamLock {
  uint32_t word;
  int32_t count;
  uintptr_t owner;  // its descriptor
};

// glibc commit c51c483d2b, "libio: Improve performance of IO locks", in 2.37: the first lock has not been counted since.
// 2.37 defines no new symbols in libc, so it looks like 2.36; there a stream that is locked again counts one too few.
constexpr unsigned kFirstIsNotCounted = 38;

uint32_t depth_of(const StreamLock& lock, unsigned glibc_minor) {
  if (glibc_minor == 0) return 1;
  const bool first_is_counted = lock.count != 0 && glibc_minor < kFirstIsNotCounted;
  return static_cast<uint32_t>(lock.count) + (first_is_counted ? 0 : 1);
}

std::optional<LockFields> read_stream(uintptr_t address, MemoryReader& memory, unsigned glibc_minor) {
  constexpr uint32_t kContended = 2;  // nptl/lowlevellock.h
  const auto lock = memory.read_value<StreamLock>(address);
  if (!lock || lock->word > kContended || lock->word == 0 || lock->count < 0) return std::nullopt;
  LockFields fields;
  fields.owner = tid_in_descriptor(lock->owner, memory);
  if (fields.owner == 0) return std::nullopt;
  fields.depth = depth_of(*lock, glibc_minor);
  fields.is_locked = true;
  fields.is_contended = lock->word == kContended;
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
  }
  return std::nullopt;
}

int tid_in_descriptor(uintptr_t descriptor, MemoryReader& memory) {
  const auto self = memory.read_value<uintptr_t>(descriptor + kDescriptorSelf);
  if (!self || !is_descriptor(descriptor, *self)) return 0;
  return memory.read_value<int32_t>(descriptor + kDescriptorTid).value_or(0);
}

}  // namespace holdwatch
