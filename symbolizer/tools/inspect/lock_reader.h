// Reads a lock in the examined process, or in its core file.
// Cold context. What the fields mean: shim/common/glibc/lock_fields.h.
#pragma once

#include <optional>

#include "shim/common/contract/finding.h"
#include "shim/common/glibc/lock_fields.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// Nothing if the memory cannot be read or holds no such lock.
std::optional<LockFields> read_lock_fields(LockRef lock, MemoryReader& memory);

}  // namespace holdwatch
