// See lock_reader.h.
#include "symbolizer/waits/lock_reader.h"

#include <pthread.h>

namespace holdwatch {
namespace {

template <typename Lock>
std::optional<LockFields> read_as(uintptr_t address, MemoryReader& memory) {
  const auto lock = memory.read_value<Lock>(address);
  if (!lock || !may_be_lock(*lock)) return std::nullopt;
  return fields_of(*lock);
}

}  // namespace

std::optional<LockFields> read_lock_fields(LockRef lock, MemoryReader& memory) {
  return lock.kind == LockKind::mutex ? read_as<pthread_mutex_t>(lock.address, memory)
                                      : read_as<pthread_rwlock_t>(lock.address, memory);
}

}  // namespace holdwatch
