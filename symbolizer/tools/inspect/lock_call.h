// Which of libc's blocking functions a thread is in, by the names of its innermost frames.
// Pure. libc's internal functions have names only if its debug symbols are installed; the exported ones always do.
#pragma once

#include <cstdint>
#include <vector>

#include "symbolizer/symbols/symbols.h"

namespace holdwatch {

enum class LockCall : uint8_t {
  unknown,     // not shown by any name
  mutex,       // waits for a mutex
  read_lock,   // waits for a read lock
  write_lock,  // waits for a write lock
  condition,   // waits for a condition, with its mutex released
  internal,    // waits for a lock of libc's own (malloc's, stdio's), which names no owner
  other        // waits for something else: a semaphore, a thread's end, a barrier, a futex of the program's own
};

// `frames`: the innermost ones, innermost first.
LockCall lock_call(const std::vector<Frame>& frames);

}  // namespace holdwatch
