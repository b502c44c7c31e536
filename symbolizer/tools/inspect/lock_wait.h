// From a futex call to the lock that is waited for: the function the thread is in says which kind, the futex's place in
// the lock where it begins. Where no name tells, the lock's own fields may make it likely.
// Cold context.
#pragma once

#include <functional>
#include <optional>

#include "shim/common/contract/finding.h"
#include "symbolizer/tools/inspect/lock_call.h"
#include "symbolizer/tools/inspect/target.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

struct LockWait {
  LockRef lock;
  Access access;
  bool likely;         // not proven: found by what the bytes look like
  bool timed = false;  // it ends by itself, when its time is up
};

// Whether the thread can be waiting for a lock of glibc's at all, by its call alone. Nine in ten waiting threads of an
// idle server wait for something else, and need no second look.
bool may_wait_for_lock(const Snapshot& snapshot);

// Whether it is in a futex call at all.
bool is_in_futex_call(const Snapshot& snapshot);

// Whether the thread waits for nothing on a word of its own stack. glibc lets it do so for ever when the kernel refuses it
// a mutex that inherits priority, because that would close a cycle or the owner has ended. Which mutex it wanted stands in
// its registers only.
bool waits_in_vain(const Snapshot& snapshot);

// The lock that a thread waits for in its system call, which `function` has made. `is_thread` says whether the process
// has a thread of that id.
std::optional<LockWait> find_lock_wait(const Capture& capture, LockCall function, MemoryReader& memory,
                                       const std::function<bool(int tid)>& is_thread);

}  // namespace holdwatch
