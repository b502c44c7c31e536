// Which of libc's blocking functions a thread is in, by the names of its innermost frames.
// Pure. libc's inner functions have names only where its debug symbols are installed; the exported ones always do.
#pragma once

#include <cstdint>
#include <vector>

#include "symbolizer/symbols/symbols.h"

namespace holdwatch {

enum class LockCall : uint8_t {
  unknown,     // no name tells
  mutex,       // waits for a mutex
  read_lock,   // waits to read
  write_lock,  // waits to write
  condition,   // waits for a condition, its mutex given up
  internal,    // waits for a lock of libc's own (malloc's, stdio's), which names no owner
  other        // waits for something else: a semaphore, a thread's end, a barrier, a futex of the program's own
};

// `frames`: the innermost ones, innermost first.
LockCall lock_call(const std::vector<Frame>& frames);

}  // namespace holdwatch
