// What glibc's locks say of themselves in their memory: who holds them, and whether the bytes can be such a lock at all.
// Cold context. The layouts are in shim/common/glibc/lock_layout.h.
#pragma once

#include <cstdint>
#include <optional>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// Who holds a lock according to its own fields. Thread ids are those of the process's own namespace.
struct LockFields {
  int owner = 0;                // a mutex's owner or an rwlock's writer, 0 if there is none
  uint32_t readers = 0;         // how many hold an rwlock for reading; which ones it does not say
  uint32_t depth = 1;           // how often a recursive mutex is held
  bool inherits = false;        // a mutex of which the kernel keeps account (PTHREAD_PRIO_INHERIT)
  bool robust = false;          // the kernel gives the mutex on when its owner ends
  bool process_shared = false;  // the owner may be a thread of another process
  bool compares_owner = false;  // nobody but the thread of that number can give it back
  bool owner_died = false;      // a robust mutex whose owner has ended
};

// Nothing if the memory cannot be read or holds no such lock.
std::optional<LockFields> read_lock_fields(LockRef lock, MemoryReader& memory);

}  // namespace holdwatch
