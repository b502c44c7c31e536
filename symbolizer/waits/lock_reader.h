// Reads a lock in the memory of a process, or in its core file.
// Cold context. For the meaning of the fields see shim/common/glibc/lock_fields.h.
#pragma once

#include <optional>

#include "shim/common/contract/finding.h"
#include "shim/common/glibc/lock_fields.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// Nothing if the memory cannot be read or does not contain such a lock.
std::optional<LockFields> read_lock_fields(LockRef lock, MemoryReader& memory);

}  // namespace holdwatch
