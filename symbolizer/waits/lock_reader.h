// Reads a lock in the memory of a process, or in its core file.
// Cold context. For the meaning of the fields see shim/common/glibc/lock_fields.h.
#pragma once

#include <optional>

#include "shim/common/contract/finding.h"
#include "shim/common/glibc/futex_wait.h"
#include "shim/common/glibc/lock_fields.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// Nothing if the memory cannot be read or does not contain such a lock. Of a stream's lock, the owner and how often it
// has taken it: glibc's versions count that differently (see glibc_version.h). Without the version it is "once".
std::optional<LockFields> read_lock_fields(LockRef lock, MemoryReader& memory, unsigned glibc_minor = 0);

// Whether the mutex has fields that it cannot have (LockFields::is_overwritten): mostly those are not read as a lock's at all.
bool is_overwritten(LockRef lock, MemoryReader& memory);

// Whether there is the lock of a stream that threads wait for, and whose owner has exited: its descriptor is still there,
// without an id. The second form: whether a futex call waits for that.
bool is_stream_left_by_exited(uintptr_t address, MemoryReader& memory);
bool is_stream_left_by_exited(const FutexWait& futex, MemoryReader& memory);

// Whether there is such a mutex at this address (lock_fields.h).
bool is_unnamed_inheriting(uintptr_t address, MemoryReader& memory);

// What the lock of a stream says of its owner, if a futex call waits for one: of libc's own locks, only those of streams name
// their owner, and a stream's names it by a descriptor.
std::optional<LockFields> read_stream_waited_for(const FutexWait& futex, MemoryReader& memory);

// The id in a thread's descriptor; 0 if there is no descriptor at this address, or the thread has exited.
int tid_in_descriptor(uintptr_t descriptor, MemoryReader& memory);

}  // namespace holdwatch
